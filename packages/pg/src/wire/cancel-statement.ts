import type pg from 'pg'
import { CancelConnection, cancelKeyOf } from './pg-internals.ts'

/** Milliseconds that a server has to take a cancel request. */
const patience = 1_000

/**
 * Asks the server to give up what a connection does, by a connection of its own (protocol flow, section "Canceling Requests in
 * Progress"). Resolves when the server has read it, or cannot be asked; the statement itself tells whether it was in time.
 *
 * Only for a direct connection whose next statement is nobody else's: behind a pooler it could meet another client's.
 */
export function cancelStatement(client: pg.ClientBase): Promise<void> {
  const { host, port, ssl, processID, secretKey } = cancelKeyOf(client)
  return new Promise(resolve => {
    if (processID === null || secretKey === null) return resolve()
    const connection = new CancelConnection({ ssl })
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
    // A host that is a path is the folder of the server's socket (libpq, section "Parameter Key Words", host).
    if (host.startsWith('/')) connection.connect(`${host}/.s.PGSQL.${port}`)
    else connection.connect(port, host)
  })
}
