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

/** Whether this very value was frozen here, with everything in it. */
export function isDeeplyFrozen(value: object): boolean {
  return deeplyFrozen.has(value)
}
