import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { cachedRegistry, createTenancy, host, memoryRegistry, type Tenancy } from '@tenantry/core'
import { tenantUpgrade } from '@tenantry/ws'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { type PerMessageDeflateOptions, WebSocket, WebSocketServer } from 'ws'

const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: vi.fn() }

interface Setting {
  readonly isWatched?: boolean
  readonly drain?: number
  readonly registry?: 'breaks'
  readonly deflate?: PerMessageDeflateOptions
  readonly connected?: (socket: WebSocket, tenancy: Tenancy) => void
}

/** A real server with sockets, and clients of tenants. */
async function serve({ isWatched = true, drain = 0, registry: broken, deflate, connected }: Setting = {}) {
  const store = memoryRegistry([
    ...Array.from({ length: 8 }, (_, n) => ({ id: `t${n}`, slug: `t${n}`, name: `T ${n}` })),
    { id: 'held', slug: 'held', name: 'Held', status: 'suspended' as const },
    { id: 'soon', slug: 'soon', name: 'Soon', status: 'provisioning' as const },
  ])
  const cache = cachedRegistry(store, { ttl: 50, logger: silent })
  const registry = isWatched ? cache : store
  const find = () => Promise.reject(new Error('connection refused'))
  const tenancy = createTenancy({
    registry: broken === 'breaks' ? { ...store, find } : registry,
    resolvers: [host({ baseDomains: ['example.com'] })],
    ...{ drain, logger: silent },
  })
  const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: deflate ?? false })
  sockets.on('connection', socket => {
    if (connected !== undefined) connected(socket, tenancy)
    else socket.on('message', () => socket.send(tenancy.maybeCurrent()?.id ?? 'none'))
  })
  const server = createServer().on('upgrade', tenantUpgrade(tenancy, sockets, { logger: silent }))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    for (const socket of sockets.clients) socket.terminate()
    server.close()
  })
  const { port } = server.address() as AddressInfo

  function open(slug: string): WebSocket {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/`, {
      headers: { host: `${slug}.example.com` },
      perMessageDeflate: deflate ?? false,
    })
    onTestFinished(() => socket.terminate())
    return socket
  }

  async function connect(slug: string): Promise<WebSocket> {
    const socket = open(slug)
    await once(socket, 'open')
    return socket
  }

  async function change(id: string, status: 'suspended' | 'archived' | 'active', isTold = true): Promise<void> {
    const { version } = store.update(id, { status })
    if (isTold) await cache.announce({ id, version, keys: [] })
  }

  return { tenancy, sockets, open, connect, change }
}

/** What an upgrade is answered with in place of the 101. */
async function refusal(socket: WebSocket): Promise<{ status?: number | undefined; type?: string; code?: string }> {
  const [, response] = await once(socket, 'unexpected-response')
  const text = (await response.setEncoding('utf8').toArray()).join('')
  socket.on('error', () => undefined).terminate()
  const code = text === '' ? undefined : JSON.parse(text).code
  return { status: response.statusCode, type: response.headers['content-type'], code }
}

const closed = async (socket: WebSocket) => {
  const [code, reason] = await once(socket, 'close')
  return [code, String(reason)]
}
const said = async (socket: WebSocket, text: string) => {
  socket.send(text)
  return String((await once(socket, 'message'))[0])
}

describe('an upgrade', () => {
  it.each([
    ['nobody', 404, 'TENANT_NOT_FOUND'],
    ['held', 403, 'TENANT_SUSPENDED'],
    ['soon', 503, 'TENANT_NOT_READY'],
    ['a.b', 404, 'TENANT_NOT_FOUND'],
    ['x@t1', 400, 'REQUEST_INVALID'],
  ])('C40 E14 of %s is refused with %i %s, before any 101', async (slug, status, code) => {
    const connected = vi.fn()
    const { open, sockets } = await serve({ connected })
    expect(await refusal(open(slug))).toEqual({ status, type: 'application/problem+json', code })
    expect(connected).not.toHaveBeenCalled()
    expect(sockets.clients.size).toBe(0)
  })

  it('fails with 500 when the registry breaks, which is logged', async () => {
    const { open } = await serve({ registry: 'breaks' })
    silent.error.mockClear()
    expect((await refusal(open('t1'))).status).toBe(500)
    expect(silent.error).toHaveBeenCalledWith(
      { event: 'upgrade.failed', error: 'Error: connection refused' },
      'A WebSocket could not be let in.',
    )
  })

  it('is cut off when a listener of connections throws', async () => {
    const { open } = await serve({
      connected: () => {
        throw new Error('teapot')
      },
    })
    expect(await closed(open('t1'))).toEqual([1006, ''])
  })
})

describe('a socket', () => {
  it('C40 X15 hears each message as the tenant of its upgrade', async () => {
    const { connect } = await serve()
    const slugs = Array.from({ length: 8 }, (_, n) => `t${n}`)
    const open = await Promise.all(slugs.map(connect))
    for (let turn = 0; turn < 3; turn++) {
      expect(await Promise.all(open.map(socket => said(socket, 'who?')))).toEqual(slugs)
    }
  })

  it('X2 X15 hears as its tenant also what is compressed, behind the messages of others, and is called back so', async () => {
    const seen: string[] = []
    const { connect } = await serve({
      // All of them wait for one zlib at a time.
      deflate: { threshold: 0, concurrencyLimit: 1 },
      connected(socket, tenancy) {
        const own = tenancy.current().id
        const note = (what: string) => void seen.push(`${what} ${own} ${tenancy.maybeCurrent()?.id}`)
        socket.on('message', data => {
          note('message')
          socket.send(data, () => note('sent'))
        })
        socket.on('close', () => note('close'))
      },
    })
    const slugs = Array.from({ length: 8 }, (_, n) => `t${n}`)
    const open = await Promise.all(slugs.map(connect))
    await Promise.all(open.map(socket => said(socket, 'x'.repeat(100_000))))
    for (const socket of open) socket.close()
    await expect.poll(() => seen.length).toBe(24)
    expect(seen.sort()).toEqual(['close', 'message', 'sent'].flatMap(what => slugs.map(id => `${what} ${id} ${id}`)))
  })

  it('E14 C40 C19 is closed when the time of its suspended tenant is over, also one on which nothing happens', async () => {
    // Without the look that is taken once a second.
    vi.useFakeTimers({ toFake: ['setInterval'] })
    onTestFinished(() => void vi.useRealTimers())
    const { connect, change } = await serve({ drain: 100 })
    const [silentOne, other] = await Promise.all([connect('t1'), connect('t2')])
    const since = performance.now()
    const end = closed(silentOne)
    await change('t1', 'suspended')
    // Work under way has its time.
    expect(await said(silentOne, 'still?')).toBe('t1')
    expect(await end).toEqual([1008, 'TENANT_SUSPENDED'])
    expect(performance.now() - since).toBeLessThan(5_000)
    expect(await said(other, 'still?')).toBe('t2')
  })

  it('E14 is closed as one that never was, when its tenant is archived', async () => {
    const { connect, change } = await serve()
    const end = closed(await connect('t1'))
    await change('t1', 'archived')
    expect(await end).toEqual([1008, 'TENANT_NOT_FOUND'])
  })

  it('E14 C40 hears no message behind the end, and is cut off where the other side does not close', async () => {
    const heard: string[] = []
    const { connect, change, sockets } = await serve({
      connected: socket => socket.on('message', data => heard.push(String(data))),
    })
    const socket = await connect('t1')
    socket.send('before')
    await expect.poll(() => heard).toEqual(['before'])
    // Says nothing in answer to the end.
    const raw = (socket as unknown as { _socket: { pause(): void } })._socket
    raw.pause()
    await change('t1', 'suspended')
    for (let n = 0; n < 20; n++) {
      socket.send(`after ${n}`, () => undefined)
      await new Promise(resolve => setTimeout(resolve, 10))
    }
    await expect.poll(() => sockets.clients.size).toBe(0)
    const late = heard.filter(text => text !== 'before')
    expect(late.length).toBeLessThan(5)
  })

  it('E14 C19 is closed where nobody tells of the change, once the cache is asked again', {
    timeout: 20_000,
  }, async () => {
    const { connect, change } = await serve()
    const end = closed(await connect('t1'))
    await change('t1', 'suspended', false)
    expect(await end).toEqual([1008, 'TENANT_SUSPENDED'])
  })

  it('stays open with a registry that never tells of changes', { timeout: 20_000 }, async () => {
    const { connect, change, open } = await serve({ isWatched: false })
    const socket = await connect('t1')
    await change('t1', 'suspended', false)
    await new Promise(resolve => setTimeout(resolve, 1_500))
    expect(await said(socket, 'still?')).toBe('t1')
    expect(await refusal(open('t1'))).toMatchObject({ status: 403 })
  })
})
