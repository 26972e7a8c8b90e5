import { connect } from 'node:net'

/** Where a connection is, and what names it there. */
export interface CancelTarget {
  readonly host: string
  readonly port: number
  readonly processId: number
  readonly secretKey: number
}

/** A CancelRequest as any client may send one (protocol flow, section "Canceling Requests in Progress"). */
export async function wireCancel({ host, port, processId, secretKey }: CancelTarget): Promise<void> {
  const message = Buffer.alloc(16)
  message.writeInt32BE(16, 0)
  message.writeInt32BE(80877102, 4)
  message.writeInt32BE(processId, 8)
  message.writeInt32BE(secretKey, 12)
  await new Promise<void>((resolve, reject) => {
    const socket = connect({ host, port }, () => socket.write(message))
    let failure: NodeJS.ErrnoException | undefined
    socket.on('error', error => {
      failure = error
    })
    // PgBouncer 1.18 dies when a client leaves its cancel request before the other end closes (pgbouncer#801).
    socket.resume()
    // A server may end with a reset: the request has been read all the same. One that is down has nothing to cancel.
    socket.on('close', () =>
      failure === undefined || /^(?:ECONNRESET|EPIPE|ECONNREFUSED)$/.test(failure.code ?? '')
        ? resolve()
        : reject(failure),
    )
  })
}
