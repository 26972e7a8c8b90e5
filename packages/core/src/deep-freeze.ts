/** Freezes a plain value and everything in it. */
export function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value)
    for (const inner of Object.values(value)) deepFreeze(inner)
  }
  return value
}

/** The value itself when it is frozen, else a frozen copy: what a caller still holds must not change under others. */
export function frozen<T extends object>(value: T): T {
  return Object.isFrozen(value) ? value : deepFreeze(structuredClone(value))
}
