/** The part of Node's request and response through which callbacks of an application are called. */
export interface NodeEmitter {
  emit(event: string | symbol, ...args: never[]): boolean
  write?(...args: never[]): boolean
}

/**
 * Runs the listeners of a request or response, and the callbacks of its writes, in a context. Their events come from the socket, which
 * serves many tenants in turn. Bound where they are emitted, so that a listener of anybody's (a body parser's, say, which
 * calls `next`) runs in the context and can still be removed.
 *
 * @param run - runs a function in the context.
 */
export function bindMessage(message: NodeEmitter, run: <T>(fn: () => T) => T): void {
  const target = message as { emit: AnyFunction; write?: AnyFunction }
  const { emit, write } = target
  target.emit = (...args) => run(() => emit.apply(message, args))
  if (write === undefined) return
  // What is written behind another answer of the same socket is flushed, and called back, by that one.
  target.write = (...args) =>
    write.apply(
      message,
      args.map(arg => (typeof arg === 'function' ? (...given: unknown[]) => run(() => arg(...given)) : arg)),
    )
}

type AnyFunction = (...args: unknown[]) => unknown
