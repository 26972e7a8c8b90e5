import { setImmediate } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { memoryRegistry, type StartPart, startTenants, type Tenant } from '../src/index.ts'
import { barrier, gate, recorder, refusal } from './support.ts'

const registry = memoryRegistry([
  ...['acme', 'beta', 'gamma', 'delta'].map(id => ({ id, slug: id, name: id })),
  { id: 'paused', slug: 'paused', name: 'Paused', status: 'suspended' as const },
  { id: 'gone', slug: 'gone', name: 'Gone', status: 'archived' as const },
])
const ids = ['acme', 'beta', 'delta', 'gamma']

/** Parts that log when they are ready, as the stores do. */
function stores(breaks: Readonly<Record<string, readonly string[]>> = {}) {
  const logger = recorder()
  const part = (name: string): StartPart => ({
    name,
    async connect({ id }: Tenant) {
      await setImmediate()
      if (breaks[name]?.includes(id) === true) throw new Error(`${name} of ${id} is down`)
      logger.info({ event: `${name}.ready`, tenant: id }, `${name} client created for tenant: ${id}`)
    },
  })
  const eventsOf = (id: string) =>
    logger.records
      .map(({ details, message }) => ({ message, ...(details as { event: string; tenant: string }) }))
      .filter(({ tenant }) => tenant === id)
  return { logger, eventsOf, parts: [part('mongo'), part('redis')] }
}

describe('startTenants', () => {
  it('I09 resolves when every part of every active tenant is connected', async () => {
    const { logger, parts } = stores()
    expect(await startTenants(registry.list(), parts, { logger })).toEqual({ ready: ids, failed: [] })
    const ready = logger.records.filter(({ details }) => 'event' in details && String(details.event).endsWith('.ready'))
    expect(ready).toHaveLength(8)
    expect(logger.records.some(({ message }) => /paused|gone/.test(message))).toBe(false)
  })

  it('I34 logs for each tenant: that it begins, then its parts in their order', async () => {
    const { logger, parts, eventsOf } = stores()
    await startTenants(registry.list(), parts, { logger })
    for (const id of ids) {
      expect(eventsOf(id)).toEqual([
        { event: 'tenant.init.start', tenant: id, message: `Initializing tenant: ${id}` },
        { event: 'mongo.ready', tenant: id, message: `mongo client created for tenant: ${id}` },
        { event: 'redis.ready', tenant: id, message: `redis client created for tenant: ${id}` },
      ])
    }
    expect(logger.records[0]?.level).toBe('info')
  })

  it('C12 I09 aborts naming every tenant that is not ready, once all that ran have ended', async () => {
    const { logger, parts, eventsOf } = stores({ mongo: ['acme'], redis: ['gamma'] })
    const slow = gate()
    let isOver = false
    const late: StartPart = {
      name: 'late',
      async connect({ id }) {
        if (id !== 'beta') return
        await slow.opened
        isOver = true
      },
    }
    const start = refusal('FOR_EACH_FAILED', () => startTenants(registry.list(), [...parts, late], { logger }))
    let isSettled = false
    void start.then(() => {
      isSettled = true
    })
    for (let turn = 0; turn < 20; turn++) await setImmediate()
    expect(isSettled).toBe(false)
    slow.open()
    const error = await start
    expect(isOver).toBe(true)
    expect(new Set(error.details.failed)).toEqual(new Set(['acme', 'gamma']))
    expect(error.details.total).toBe(4)
    expect((error.cause as AggregateError).errors.map(String).sort()).toEqual([
      'Error: mongo of acme is down',
      'Error: redis of gamma is down',
    ])
    // What comes after a part that failed is not begun.
    expect(eventsOf('acme').map(({ event }) => event)).toEqual(['tenant.init.start', 'tenant.init.failed'])
  })

  it('C12 degrades: the ready are ready, the others are named and logged', async () => {
    const { logger, parts, eventsOf } = stores({ mongo: ['acme'], redis: ['gamma'] })
    expect(await startTenants(registry.list(), parts, { logger, onFailure: 'degrade' })).toEqual({
      ready: ['beta', 'delta'],
      failed: [
        { tenant: 'acme', part: 'mongo', error: new Error('mongo of acme is down') },
        { tenant: 'gamma', part: 'redis', error: new Error('redis of gamma is down') },
      ],
    })
    expect(eventsOf('gamma').at(-1)).toMatchObject({ event: 'tenant.init.failed', part: 'redis' })
    expect(logger.records.filter(({ level }) => level === 'error')).toHaveLength(2)
  })

  it('a part that throws instead of rejecting is the failure of that tenant', async () => {
    const part: StartPart = {
      name: 'odd',
      connect: ({ id }) => {
        if (id === 'beta') throw new Error('odd')
        return Promise.resolve()
      },
    }
    const options = { logger: recorder(), onFailure: 'degrade' } as const
    expect((await startTenants(registry.list(), [part], options)).failed).toMatchObject([{ tenant: 'beta' }])
  })

  it('works on as many at once as it is told, by default on eight, and on no more', async () => {
    const many = Array.from({ length: 30 }, (_, n) => ({ id: `t${n}`, slug: `t${n}`, name: `T${n}` }))
    for (const [concurrency, expected] of [
      [undefined, 8],
      [3, 3],
    ] as const) {
      const meet = barrier(expected)
      let running = 0
      let most = 0
      const part: StartPart = {
        name: 'counted',
        async connect() {
          running += 1
          most = Math.max(most, running)
          // Nobody goes on before as many as are allowed are inside.
          await meet()
          await setImmediate()
          running -= 1
        },
      }
      const options = concurrency === undefined ? {} : { concurrency }
      await startTenants(memoryRegistry(many).list(), [part], { logger: recorder(), ...options })
      expect(most).toBe(expected)
    }
  })

  it('tells the progress, of failures too; a listener that throws changes nothing', async () => {
    const told: [number, number][] = []
    const { logger, parts } = stores({ mongo: ['acme'] })
    const onProgress = (done: number, total: number) => {
      told.push([done, total])
      throw new Error('broken listener')
    }
    const { ready } = await startTenants(registry.list(), parts, { logger, onFailure: 'degrade', onProgress })
    expect(ready).toHaveLength(3)
    expect(told).toEqual([1, 2, 3, 4].map(done => [done, 4]))
    expect(logger.records.filter(({ level }) => level === 'warn')).toHaveLength(4)
  })

  it('takes a list, and none at all', async () => {
    const { parts } = stores()
    const list: Tenant[] = []
    for await (const tenant of registry.list()) list.push(tenant)
    expect((await startTenants(list, parts, { logger: recorder() })).ready).toEqual(ids)
    expect(await startTenants([], parts)).toEqual({ ready: [], failed: [] })
  })

  it.each([{ onFailure: 'ignore' as 'abort' }, { concurrency: 0 }, { concurrency: 1.5 }])(
    'refuses %o',
    async options => {
      await refusal('ARGUMENT_INVALID', () => startTenants(registry.list(), [], options))
    },
  )
})
