import { connect, createServer, type Socket } from 'node:net'

/** A relay at the server's door that counts the statements which pass it. */
export interface StatementCounter {
  /** The URL with which to go through the relay. */
  readonly url: string
  statements(): number
  close(): Promise<void>
}

/** Counts Execute and Query messages on their way to the server of this URL. */
export async function countStatements(target: string): Promise<StatementCounter> {
  const { hostname, port } = new URL(target)
  const sockets = new Set<Socket>()
  let count = 0
  const relay = createServer(client => {
    const server = connect(Number(port), hostname)
    let buffer = Buffer.alloc(0)
    let started = false
    client.on('data', chunk => {
      buffer = Buffer.concat([buffer, chunk])
      for (;;) {
        // The first message has no type, only a length.
        const header = started ? 1 : 0
        const length = buffer.length >= header + 4 ? header + buffer.readInt32BE(header) : Number.POSITIVE_INFINITY
        if (buffer.length < length) break
        if (started && 'EQ'.includes(String.fromCharCode(buffer.readUInt8(0)))) count += 1
        started = true
        buffer = buffer.subarray(length)
      }
      server.write(chunk)
    })
    server.on('data', chunk => client.write(chunk))
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      sockets.add(socket)
      socket.on('error', () => other.destroy())
      socket.on('close', () => {
        sockets.delete(socket)
        other.destroy()
      })
    }
  })
  await new Promise<void>(resolve => relay.listen(0, '127.0.0.1', resolve))
  const url = new URL(target)
  url.port = String((relay.address() as { port: number }).port)
  return {
    url: url.href,
    statements: () => count,
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise(resolve => relay.close(resolve))
    },
  }
}
