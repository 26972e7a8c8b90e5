import { once } from 'node:events'
import { createServer, request as send } from 'node:http'
import { connect, createServer as createHttp2Server } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { describe, expect, it } from 'vitest'
import { type NodeMessage, nodeRequestView } from '../src/index.ts'

const read = (message: NodeMessage) => {
  const view = nodeRequestView(message)
  return { target: view.target, host: view.header('host'), own: view.header('x-own'), none: view.header('constructor') }
}

describe('nodeRequestView', () => {
  it('sees a request of node:http as it was sent, with every value of a header', async () => {
    const server = createServer((message, response) => response.end(JSON.stringify(read(message)))).listen(
      0,
      '127.0.0.1',
    )
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const headers = ['Host', 'A.example', 'X-Own', 'one', 'x-own', 'two', 'host', 'b.example']
    const outgoing = send({
      port,
      host: '127.0.0.1',
      path: '/%61?b=c',
      headers: headers as unknown as Record<string, string>,
    }).end()
    const [response] = await once(outgoing, 'response')
    const text = (await response.toArray()).join('')
    server.close()
    expect(JSON.parse(text)).toEqual({
      target: '/%61?b=c',
      host: ['A.example', 'b.example'],
      own: ['one', 'two'],
      none: [],
    })
  })

  it('prefers the target that Express keeps when it strips a mount path', () => {
    expect(nodeRequestView({ url: '/notes', originalUrl: '/t/acme/notes', rawHeaders: [] }).target).toBe(
      '/t/acme/notes',
    )
    expect(nodeRequestView({ rawHeaders: [] }).target).toBe('/')
  })

  it('reads the authority of HTTP/2 as the host, and sees one that differs from the Host header', async () => {
    const server = createHttp2Server((message, response) => response.end(JSON.stringify(read(message)))).listen(
      0,
      '127.0.0.1',
    )
    await once(server, 'listening')
    const session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
    const ask = async (headers: Record<string, string>) => {
      const stream = session.request({ ':path': '/a', ':authority': 'acme.example', ...headers })
      return JSON.parse((await stream.toArray()).join('')) as ReturnType<typeof read>
    }
    expect(await ask({})).toMatchObject({ target: '/a', host: ['acme.example'] })
    expect((await ask({ host: 'acme.example' })).host).toEqual(['acme.example'])
    expect((await ask({ host: 'beta.example' })).host).toEqual(['acme.example', 'beta.example'])
    session.close()
    server.close()
  })
})
