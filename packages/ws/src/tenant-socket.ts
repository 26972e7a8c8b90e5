import { bindMessage, onAbort, type Tenancy, tenancyErrorOf } from '@tenantry/core'
import type { WebSocket } from 'ws'

/** How long the other side has to see why a socket is closed, before it is cut off, in milliseconds. */
const farewell = 100
/** How often a socket is looked at on which nothing happens, in milliseconds. */
const look = 1_000

type Run = <T>(fn: () => T) => T

/**
 * Ties a socket to the tenant of the present context: its listeners run there, no message is heard once the tenant's work must end, and
 * the socket is closed then.
 *
 * @returns whether it is still open.
 */
export function tenantSocket(tenancy: Tenancy, socket: WebSocket): boolean {
  const run = tenancy.bind(here) as Run
  let hasEnded = false
  let stop = (): void => undefined
  // A registry that nobody tells of changes is asked, also on behalf of those who are silent.
  const timer = setInterval(() => run(isOver), look).unref()

  function leave(): void {
    hasEnded = true
    stop()
    clearInterval(timer)
  }

  /** Policy violation, or try again later: RFC 6455 section 7.4.1, and the registry of IANA. */
  function end(reason: unknown): void {
    if (hasEnded) return
    leave()
    const error = tenancyErrorOf(reason)
    socket.close(error?.status === 503 ? 1013 : 1008, error?.code ?? '')
    setTimeout(() => socket.terminate(), farewell)
  }

  function isOver(): boolean {
    try {
      tenancy.current()
    } catch (error) {
      end(error)
    }
    return hasEnded
  }

  // Compressed messages of all sockets wait in one line, so that one is delivered from the context of another.
  bindMessage(socket, run)
  const emit = socket.emit.bind(socket) as (...event: unknown[]) => boolean
  socket.emit = (event: string, ...rest: unknown[]) =>
    content.has(event) && run(isOver) ? false : emit(event, ...rest)
  for (const name of ['send', 'ping', 'pong'] as const) bindCallbacks(socket, name, run)

  socket.once('close', leave)
  if (!isOver()) stop = onAbort(tenancy.signal(), reason => run(() => end(reason)))
  return !hasEnded
}

/** Events that carry what the other side says. */
const content = new Set(['message', 'ping', 'pong'])

/** What is sent behind other sockets' messages is called back by them. */
function bindCallbacks(socket: WebSocket, name: 'send' | 'ping' | 'pong', run: Run): void {
  const target = socket as unknown as Record<string, (...args: unknown[]) => void>
  const method = target[name]?.bind(socket)
  target[name] = (...args) =>
    method?.(...args.map(arg => (typeof arg === 'function' ? (...given: unknown[]) => run(() => arg(...given)) : arg)))
}

function here<T>(fn: () => T): T {
  return fn()
}
