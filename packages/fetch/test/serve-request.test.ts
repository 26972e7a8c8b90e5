import { setImmediate as turned } from 'node:timers/promises'
import { cachedRegistry, createTenancy, host, memoryRegistry, TenancyError } from '@tenantry/core'
import { serveRequest, tenantHandler } from '@tenantry/fetch'
import { describe, expect, it, vi } from 'vitest'
import { makeTenancy, silent } from './support.ts'

const to = (slug: string) => new Request(`http://${slug}.example.com/`, { headers: { host: `${slug}.example.com` } })
const codeOf = async (answer: Response) => [answer.status, ((await answer.json()) as { code: string }).code]

/** One in which the work of a tenant ends as soon as it is suspended. */
function watchedTenancy() {
  const store = memoryRegistry([{ id: 't1', slug: 't1', name: 'T1' }])
  const registry = cachedRegistry(store, { logger: silent })
  const resolvers = [host({ baseDomains: ['example.com'] })]
  const tenancy = createTenancy({ registry, resolvers, logger: silent, drain: 0 })
  const suspend = () => {
    const { id, version } = store.update('t1', { status: 'suspended' })
    return registry.announce({ id, version, keys: [] })
  }
  return { tenancy, suspend }
}

describe('serveRequest', () => {
  it('P12 answers a refusal without calling the handler', async () => {
    const handler = vi.fn()
    const answer = await serveRequest(makeTenancy(), to('held'), handler)
    expect(answer.headers.get('content-type')).toBe('application/problem+json')
    expect(answer.headers.get('cache-control')).toBe('no-store')
    expect(await codeOf(answer)).toEqual([403, 'TENANT_SUSPENDED'])
    expect(handler).not.toHaveBeenCalled()
  })

  it('P12 answers an error of Tenantry that the handler throws, and logs what is our fault', async () => {
    const logger = { ...silent, error: vi.fn() }
    const tenancy = makeTenancy()
    const thrown = new TenancyError('DATABASE_UNAVAILABLE', { reason: 'CANARY' })
    const fail = () => {
      throw new Error('wrapped', { cause: thrown })
    }
    const answer = await serveRequest(tenancy, to('t1'), fail, { logger })
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1'])
    const text = await answer.text()
    expect(JSON.parse(text)).toMatchObject({ code: 'DATABASE_UNAVAILABLE' })
    expect(text).not.toContain('CANARY')
    expect(logger.error).toHaveBeenCalledTimes(1)
  })

  it('throws what is not Tenantry’s, unless onError answers it', async () => {
    const tenancy = makeTenancy()
    const fail = async () => Promise.reject(new Error('teapot'))
    await expect(serveRequest(tenancy, to('t1'), fail)).rejects.toThrow('teapot')
    const onError = () => new Response(tenancy.current().id, { status: 418 })
    const answer = await serveRequest(tenancy, to('t1'), fail, { onError })
    expect([answer.status, await answer.text()]).toEqual([418, 't1'])
  })

  it('keeps status, headers and empty bodies of the answer', async () => {
    const headers = new Headers([
      ['set-cookie', 'a=1'],
      ['set-cookie', 'b=2'],
    ])
    const answer = await serveRequest(makeTenancy(), to('t1'), () => new Response('x', { status: 201, headers }))
    expect([answer.status, answer.headers.getSetCookie(), await answer.text()]).toEqual([201, ['a=1', 'b=2'], 'x'])
    const empty = await serveRequest(makeTenancy(), to('t1'), () => new Response(null, { status: 204 }))
    expect([empty.status, empty.body]).toEqual([204, null])
  })

  it('P2 X3 makes every piece of a body as its tenant, and nothing before it is asked for', async () => {
    const tenancy = makeTenancy()
    const seen: (string | undefined)[] = []
    const note = () => void seen.push(tenancy.maybeCurrent()?.id)
    const stream = (pieces: number) =>
      new ReadableStream<Uint8Array>(
        {
          async pull(controller) {
            note()
            await turned()
            note()
            if (pieces-- === 0) controller.close()
            else controller.enqueue(Buffer.from('piece'))
          },
        },
        { highWaterMark: 0 },
      )
    const [one, two] = await Promise.all(
      ['t1', 't2'].map(slug => serveRequest(tenancy, to(slug), () => new Response(stream(2)))),
    )
    expect(seen).toEqual([])
    // Read by turns, by whoever stands outside or in another tenant.
    const [a, b] = [one?.body?.getReader(), two?.body?.getReader()]
    for (let turn = 0; turn < 3; turn++) {
      await a?.read()
      await tenancy.serve({ target: '/', header: () => ['t3.example.com'] }, () => b?.read())
    }
    expect(seen).toEqual(Array.from({ length: 3 }, () => ['t1', 't1', 't2', 't2']).flat())
  })

  it('X3 tells the source as its tenant that nobody reads any more', async () => {
    const tenancy = makeTenancy()
    const told: unknown[] = []
    const cancel = (reason: unknown) => void told.push(reason, tenancy.maybeCurrent()?.id)
    const answer = await serveRequest(tenancy, to('t1'), () => new Response(new ReadableStream({ cancel })))
    await answer.body?.cancel('gone')
    expect(told).toEqual(['gone', 't1'])
  })

  it('E14 C40 ends a body whose tenant is suspended, and its source', async () => {
    const { tenancy, suspend } = watchedTenancy()
    const cancel = vi.fn()
    const source = () => new ReadableStream<Uint8Array>({ start: to => to.enqueue(Buffer.from('begun')), cancel })
    const answer = await serveRequest(tenancy, to('t1'), () => new Response(source()))
    const reader = answer.body?.getReader()
    expect(Buffer.from((await reader?.read())?.value ?? []).toString()).toBe('begun')
    const waiting = reader?.read()
    await suspend()
    // The message, which some servers send, names nobody; the cause is for the log.
    await expect(waiting).rejects.toMatchObject({
      message: 'This tenant is suspended.',
      cause: { code: 'TENANT_SUSPENDED' },
    })
    expect(cancel).toHaveBeenCalledTimes(1)
  })

  it('E14 answers with the refusal where the tenant was suspended before the body began', async () => {
    const { tenancy, suspend } = watchedTenancy()
    const cancel = vi.fn()
    const answer = await serveRequest(tenancy, to('t1'), async () => {
      await suspend()
      await vi.waitFor(() => expect(tenancy.current).toThrow())
      return new Response(new ReadableStream({ cancel }))
    })
    expect(await codeOf(answer)).toEqual([403, 'TENANT_SUSPENDED'])
    expect(cancel).toHaveBeenCalledTimes(1)
  })

  it('E14 fails a body that is read for the first time when its tenant is suspended', async () => {
    const { tenancy, suspend } = watchedTenancy()
    const pull = vi.fn()
    const body = () => new ReadableStream({ pull }, { highWaterMark: 0 })
    const answer = await serveRequest(tenancy, to('t1'), () => new Response(body()))
    await suspend()
    await new Promise(resolve => setTimeout(resolve, 20))
    await expect(answer.text()).rejects.toThrow('This tenant is suspended.')
    expect(pull).not.toHaveBeenCalled()
  })

  it('keeps nothing of bodies that are read to their end, or never', async () => {
    const { tenancy } = watchedTenancy()
    const signals: AbortSignal[] = []
    const watched = { ...tenancy, signal: () => signals[signals.push(tenancy.signal()) - 1] as AbortSignal }
    const [read] = await Promise.all([
      serveRequest(watched, to('t1'), () => new Response('read')),
      serveRequest(watched, to('t1'), () => new Response('never read')),
    ])
    expect(await read?.text()).toBe('read')
    expect(signals.length).toBe(1)
  })
})

describe('tenantHandler', () => {
  it('passes on what the server passes', async () => {
    const tenancy = makeTenancy()
    const handler = tenantHandler(tenancy, (request: Request, info: { ip: string }) =>
      Response.json([tenancy.current().id, new URL(request.url).pathname, info.ip]),
    )
    expect(await (await handler(to('t4'), { ip: '192.0.2.1' })).json()).toEqual(['t4', '/', '192.0.2.1'])
  })
})
