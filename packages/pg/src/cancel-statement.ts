import type { EventEmitter } from 'node:events'
import pg from 'pg'

// Of `pg` beyond its published types (8.23: lib/client.js, `cancel`; lib/connection.js).
interface Cancelling extends EventEmitter {
  connect(port: number, host: string): void
  requestSsl(): void
  cancel(processId: number, secretKey: number): void
  readonly stream: { destroy(): void }
}
interface Cancellable {
  readonly host: string
  readonly port: number
  readonly ssl: unknown
  readonly processID: number | null
  readonly secretKey: number | null
}
const Connection = (pg as unknown as { Connection: new (config: { ssl: unknown }) => Cancelling }).Connection

/** Milliseconds that a server has to take a cancel request. */
const patience = 1_000

/**
 * Asks the server to give up what a connection does, by a connection of its own (protocol flow, section "Canceling Requests in
 * Progress"). Resolves when the server has read it, or cannot be asked; the statement itself tells whether it was in time.
 *
 * Only for a direct connection whose next statement is nobody else's: behind a pooler it could meet another client's.
 */
export function cancelStatement(client: pg.ClientBase): Promise<void> {
  const { host, port, ssl, processID, secretKey } = client as unknown as Cancellable
  return new Promise(resolve => {
    if (processID === null || secretKey === null) return resolve()
    const connection = new Connection({ ssl })
    const timer = setTimeout(() => connection.stream.destroy(), patience)
    const cancel = () => connection.cancel(processID, secretKey)
    connection.on('connect', () => (ssl ? connection.requestSsl() : cancel()))
    connection.on('sslconnect', cancel)
    // What cannot be reached has nothing to cancel.
    connection.on('error', () => undefined)
    connection.on('end', () => {
      clearTimeout(timer)
      resolve()
    })
    connection.connect(port, host)
  })
}
