import { type AddressInfo, connect, createServer } from 'node:net'

/** A way to a server on which each message that it is ready is followed, in one packet, by one that it goes down. */
export async function startDyingWay(real: string): Promise<{ url: string; close(): void }> {
  const fields = Buffer.from('SFATAL\0VFATAL\0C57P01\0Mterminating connection\0\0')
  const fatal = Buffer.concat([Buffer.from('E\0\0\0\0'), fields])
  fatal.writeInt32BE(fields.length + 4, 1)
  const url = new URL(real)
  const { hostname, port } = url
  const proxy = createServer(client => {
    const upstream = connect(Number(port), hostname)
    client.pipe(upstream)
    for (const socket of [client, upstream]) socket.on('error', () => socket.destroy())
    upstream.on('data', data => {
      const ready = data.subarray(-6).toString('latin1').startsWith('Z\0\0\0\u0005')
      if (!ready) client.write(data)
      else {
        client.end(Buffer.concat([data, fatal]))
        upstream.destroy()
      }
    })
  })
  await new Promise<void>(resolve => proxy.listen(0, '127.0.0.1', resolve))
  url.hostname = '127.0.0.1'
  url.port = String((proxy.address() as AddressInfo).port)
  return { url: url.href, close: () => proxy.close() }
}
