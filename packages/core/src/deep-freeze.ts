// Values that were walked once; whoever froze them on the outside only may still hold what is inside.
const deeplyFrozen = new WeakSet<object>()

/** Freezes a plain value and everything in it. */
export function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !deeplyFrozen.has(value)) {
    deeplyFrozen.add(Object.freeze(value))
    for (const inner of Object.values(value)) deepFreeze(inner)
  }
  return value
}

/** The value itself when it was frozen here, else a frozen copy: what a caller still holds must not change under others. */
export function frozen<T extends object>(value: T): T {
  return deeplyFrozen.has(value) ? value : deepFreeze(structuredClone(value))
}
