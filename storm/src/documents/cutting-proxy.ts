import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import type { Random } from '../random.ts'

/** A way to a server, whose connections break. */
export interface CuttingProxy {
  readonly url: string
  /** Breaks one connection, if there is any. */
  cut(random: Random): void
  close(): Promise<void>
}

/** Forwards bytes both ways. */
export async function cuttingProxy(target: string): Promise<CuttingProxy> {
  const url = new URL(target)
  const { hostname, port } = url
  const clients = new Set<Socket>()
  const server = createServer(client => {
    const upstream = connect(Number(port), hostname)
    clients.add(client)
    const end = () => {
      clients.delete(client)
      client.destroy()
      upstream.destroy()
    }
    for (const socket of [client, upstream]) socket.on('error', end).on('close', end)
    client.pipe(upstream).pipe(client)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  url.hostname = '127.0.0.1'
  url.port = String((server.address() as AddressInfo).port)
  return {
    url: url.href,
    cut(random) {
      if (clients.size > 0) random.pick([...clients]).destroy()
    },
    async close() {
      for (const client of clients) client.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
