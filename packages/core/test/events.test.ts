import { describe, expect, it } from 'vitest'
import { createTenancy, header, memoryRegistry } from '../src/index.ts'
import { recorder, refusal, request } from './support.ts'

const registry = memoryRegistry([
  { id: 'acme', slug: 'acme', name: 'Acme' },
  { id: 'home', slug: 'home', name: 'Home', isDefault: true },
])
const make = () => {
  const logger = recorder()
  const resolvers = [header({ trusted: true })]
  return { logger, tenancy: createTenancy({ registry, resolvers, logger, onUnresolved: 'default' }) }
}
const named = (id: string) => request('/', { 'x-tenant-id': id })

describe('events', () => {
  it('tell of every decision once, by its kind', async () => {
    const { tenancy } = make()
    const heard: unknown[] = []
    for (const kind of ['resolved', 'defaulted', 'refused'] as const) {
      tenancy.on(kind, ({ trace }) => heard.push([kind, trace.outcome, trace.tenant, trace.code]))
    }
    await tenancy.resolve(named('acme'))
    await tenancy.resolve(request())
    await refusal('TENANT_NOT_FOUND', () => tenancy.resolve(named('ghost')))
    expect(heard).toEqual([
      ['resolved', 'resolved', 'acme', undefined],
      ['defaulted', 'defaulted', 'home', undefined],
      ['refused', 'unknown', undefined, 'TENANT_NOT_FOUND'],
    ])
  })

  it('stop when they are told to, and only that listener', async () => {
    const { tenancy } = make()
    let [kept, stopped] = [0, 0]
    tenancy.on('resolved', () => {
      kept += 1
    })
    const stop = tenancy.on('resolved', () => {
      stopped += 1
    })
    await tenancy.resolve(named('acme'))
    stop()
    stop()
    await tenancy.resolve(named('acme'))
    expect([kept, stopped]).toEqual([2, 1])
  })

  it('do not let a broken listener change what happens; the log has it', async () => {
    const { tenancy, logger } = make()
    const heard: string[] = []
    const fail = () => {
      throw new Error('listener')
    }
    tenancy.on('resolved', fail)
    tenancy.on('resolved', () => heard.push('after'))
    tenancy.on('refused', fail)
    expect((await tenancy.resolve(named('acme'))).id).toBe('acme')
    await refusal('TENANT_NOT_FOUND', () => tenancy.resolve(named('ghost')))
    expect(heard).toEqual(['after'])
    expect(logger.records.filter(({ level }) => level === 'error')).toHaveLength(2)
  })
})
