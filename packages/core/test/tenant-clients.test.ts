import { describe, expect, it } from 'vitest'
import { type Logger, memoryRegistry, type TenantClientsOptions, tenantClients } from '../src/index.ts'

const nothing = (): void => undefined
const silent: Logger = { debug: nothing, info: nothing, warn: nothing, error: nothing }
const registry = memoryRegistry()
const tenants = Array.from({ length: 20 }, (_, at) => registry.add({ id: `t${at}`, slug: `t${at}`, name: `T${at}` }))
const [a, b, c] = tenants as [(typeof tenants)[0], (typeof tenants)[0], (typeof tenants)[0]]
const soon = () => new Promise(resolve => setTimeout(resolve, 5))

function fixture(more: Partial<TenantClientsOptions<string>> = {}) {
  const seen: string[] = []
  let open = 0
  let most = 0
  const clients = tenantClients<string>({
    name: 'test',
    open: async ({ id }) => {
      seen.push(`open ${id}`)
      most = Math.max(most, ++open)
      await soon()
      return id
    },
    close: async id => {
      await soon()
      open -= 1
      seen.push(`close ${id}`)
    },
    key: ({ id }) => id,
    max: 2,
    wait: 1_000,
    logger: silent,
    ...more,
  })
  return { clients, seen, most: () => most, open: () => open }
}

/** Work that goes on until it is told to end. */
function held() {
  let end = (): void => undefined
  const over = new Promise<void>(resolve => {
    end = resolve
  })
  return { work: () => over, end }
}

describe('clients of tenants', () => {
  it('opens one client for all that ask at once, and keeps it', async () => {
    const { clients, seen } = fixture()
    await Promise.all([1, 2, 3].map(() => clients.use(a, async client => expect(client).toBe('t0'))))
    await clients.use(a, soon)
    expect(seen).toEqual(['open t0'])
    await clients.close()
    expect(seen).toEqual(['open t0', 'close t0'])
  })

  it('closes the one that is unused for longest, and stays within the cap while it closes', async () => {
    const { clients, seen, most } = fixture()
    for (const tenant of [a, b, a, c]) await clients.use(tenant, soon)
    expect(seen).toEqual(['open t0', 'open t1', 'close t1', 'open t2'])
    expect(most()).toBe(2)
    await clients.close()
  })

  it('I07 C12 gives many tenants their own client through few places, whatever the order', async () => {
    const { clients, most, open } = fixture({ max: 3 })
    await Promise.all(
      Array.from({ length: 200 }, (_, at) => {
        const tenant = tenants[(at * 7) % tenants.length] as (typeof tenants)[0]
        return clients.use(tenant, async client => {
          await soon()
          expect(client).toBe(tenant.id)
        })
      }),
    )
    expect(most()).toBe(3)
    await clients.close()
    expect(open()).toBe(0)
    expect(clients.size).toBe(0)
  })

  it('never closes a client in use: whoever finds no place waits, and is told after its time', async () => {
    const { clients, seen } = fixture({ wait: 30 })
    const [first, second] = [held(), held()]
    const running = [clients.use(a, first.work), clients.use(b, second.work)]
    await expect(clients.use(c, soon)).rejects.toMatchObject({ code: 'POOL_EXHAUSTED', details: { tenant: 't2' } })
    const patient = clients.use(c, async client => client)
    first.end()
    await expect(patient).resolves.toBe('t2')
    second.end()
    await Promise.all(running)
    expect(seen.slice(2)).toEqual(['close t0', 'open t2'])
    await clients.close()
  })

  it('serves who waits in the order in which they came', async () => {
    const { clients, seen } = fixture({ max: 1 })
    const first = held()
    const running = clients.use(a, first.work)
    const rest = tenants.slice(1, 6).map(tenant => clients.use(tenant, soon))
    first.end()
    await Promise.all([running, ...rest])
    expect(seen.filter(line => line.startsWith('open'))).toEqual([0, 1, 2, 3, 4, 5].map(at => `open t${at}`))
    await clients.close()
  })

  it('forgets a client that did not open, also one that was to go meanwhile', async () => {
    let fails = true
    const { clients } = fixture({
      max: 1,
      open: async ({ id }) => {
        await soon()
        if (fails) throw new Error('no server')
        return id
      },
    })
    const asked = [clients.use(a, soon), clients.use(a, soon)]
    const evicted = clients.evict(a)
    for (const each of asked) await expect(each).rejects.toThrow('no server')
    await evicted
    expect(clients.size).toBe(0)
    fails = false
    await clients.use(b, soon)
    await clients.close()
  })

  it('lets go of one tenant when its work has ended, and gives it a new client after that', async () => {
    const { clients, seen } = fixture()
    const work = held()
    const running = clients.use(a, work.work)
    await soon()
    await clients.evict(a)
    expect(seen).not.toContain('close t0')
    await clients.use(a, soon)
    work.end()
    await running
    await clients.close()
    expect(seen.filter(line => line === 'open t0')).toHaveLength(2)
    expect(seen.filter(line => line === 'close t0')).toHaveLength(2)
  })

  it('gives back the place of one whose opening throws at once', async () => {
    const { clients } = fixture({
      max: 1,
      open: () => {
        throw new Error('at once')
      },
    })
    for (const tenant of [a, b]) await expect(clients.use(tenant, soon)).rejects.toThrow('at once')
    expect(clients.size).toBe(0)
  })

  it('D1 opens nothing for an object that has become another tenant while it waited', async () => {
    const { clients, seen } = fixture({ max: 1 })
    const work = held()
    const running = clients.use(a, work.work)
    const one = { ...b }
    const waiting = clients.use(one, soon)
    Object.assign(one, { id: 't2' })
    work.end()
    await expect(waiting).rejects.toMatchObject({ code: 'SCOPE_MISMATCH', details: { lease: 't1', current: 't2' } })
    await running
    await clients.close()
    expect(seen).toEqual(['open t0', 'close t0'])
  })

  it('D2 gives a tenant that lives elsewhere now another client', async () => {
    const { clients, seen } = fixture({ key: ({ id, placement }) => `${id} ${placement.server}` })
    await clients.use({ ...a, placement: { server: 'one' } }, soon)
    await clients.use({ ...a, placement: { server: 'two' } }, soon)
    expect(seen).toEqual(['open t0', 'open t0'])
    await clients.close()
  })

  it('waits for work at its end, and refuses what comes later', async () => {
    const { clients, seen } = fixture({ max: 1 })
    const work = held()
    const running = clients.use(a, work.work)
    const late = clients.use(b, soon)
    await soon()
    const closed = clients.close()
    await expect(late).rejects.toMatchObject({ code: 'SCOPE_CLOSED' })
    await expect(clients.use(a, soon)).rejects.toMatchObject({ code: 'SCOPE_CLOSED' })
    expect(seen).toEqual(['open t0'])
    work.end()
    await Promise.all([running, closed])
    expect(seen).toEqual(['open t0', 'close t0'])
  })

  it('refuses a cap or a wait that is no number', () => {
    for (const more of [{ max: 0 }, { wait: Number.NaN }])
      expect(() => fixture(more)).toThrow(expect.objectContaining({ code: 'ARGUMENT_INVALID' }))
  })
})
