import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { Client } from 'pg'
import { type ActiveRule, type FaultRule, faultRules, type SeenMessage } from './fault-rules.ts'
import type { BackendMessage, Direction, FrontendMessage, MessageName } from './message-names.ts'
import { type ProxyConnection, proxyConnection } from './proxy-connection.ts'

/** Where a server listens. */
export interface ProxyTarget {
  readonly host: string
  readonly port: number
}

/** What {@link startFaultProxy} may be told. */
export interface FaultProxyOptions {
  /** The server, or a PostgreSQL URL that names it. */
  readonly target: ProxyTarget | string
  /** Told of every message when it arrives, before any rule. */
  readonly onMessage?: (seen: SeenMessage) => void
}

/** A proxy between clients and a PostgreSQL server or PgBouncer that fails where it is told to. */
export interface FaultProxy {
  /** On 127.0.0.1. */
  readonly port: number
  /** The same URL, through the proxy. */
  url(url: string): string
  /** Puts a rule in force, for open connections too. */
  rule(rule: FaultRule): ActiveRule
  /** Messages that arrived so far, over all connections, whatever then became of them. */
  count(on: 'frontend', message: FrontendMessage): number
  count(on: 'backend', message: BackendMessage): number
  /** Forgets the counts, so that the next step of a test can be counted. Rules keep theirs. */
  resetCounts(): void
  /** Connections that are open now. */
  readonly open: number
  /** Ends what is open and listens no more. @throws what a `match` or `onMessage` threw, which reset its connection. */
  close(): Promise<void>
}

/**
 * A proxy on a free port of 127.0.0.1. It lives in this process; close it.
 *
 * @example
 * const proxy = await startFaultProxy({ target: runtimeUrl })
 * proxy.rule({ on: 'backend', message: 'CommandComplete', nth: 3, fault: 'reset' })
 * const pool = new Pool({ connectionString: proxy.url(runtimeUrl) })
 */
export const startFaultProxy = async ({ target, onMessage }: FaultProxyOptions): Promise<FaultProxy> => {
  // The driver's own reading of the URL; it is not connected.
  const { host, port: targetPort } = typeof target === 'string' ? new Client(target) : target
  const rules = faultRules()
  const counts: Record<Direction, Map<MessageName, number>> = { frontend: new Map(), backend: new Map() }
  const open = new Set<ProxyConnection>()
  const failures: unknown[] = []
  let accepted = 0

  const listener = createServer({ allowHalfOpen: true, noDelay: true }, client => {
    const connection = ++accepted
    const server = connect({ host, port: targetPort, allowHalfOpen: true, noDelay: true })
    const proxied = proxyConnection({
      client,
      server,
      inspect: (on, { message, bytes }) => {
        const seen = { connection, on, message }
        counts[on].set(message, (counts[on].get(message) ?? 0) + 1)
        onMessage?.(seen)
        return rules.strike(seen, bytes)
      },
    })
    open.add(proxied)
    void proxied.done.then(
      () => open.delete(proxied),
      (error: unknown) => {
        open.delete(proxied)
        failures.push(error)
      },
    )
  })
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const { port } = listener.address() as AddressInfo

  const close = async () => {
    const ended = once(listener, 'close')
    listener.close()
    const connections = [...open]
    for (const { abandon } of connections) abandon()
    await Promise.allSettled([ended, ...connections.map(({ done }) => done)])
    if (failures.length > 0) throw failures[0]
  }
  let closing: Promise<void> | undefined
  return {
    port,
    url: url => {
      const through = new URL(url)
      through.host = `127.0.0.1:${port}`
      return through.href
    },
    rule: rules.add,
    count: (on, message) => counts[on].get(message) ?? 0,
    resetCounts: () => {
      counts.frontend.clear()
      counts.backend.clear()
    },
    get open() {
      return open.size
    },
    close: () => {
      closing ??= close()
      return closing
    },
  }
}
