import { laws, runLaw, type Subject, skipReason } from '@tenantry/conformance'
import { memoryRegistry, type Tenant } from '@tenantry/core'
import { placed, type TenantPool } from '@tenantry/pg'
import { type PostgresServer, startPostgres } from '@tenantry/servers'
import { describePostgres } from '@tenantry/servers/vitest'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { placedSubject } from './placed-subject.ts'

describePostgres('placed() keeps the laws of isolation with tenants of all three levels', server => {
  let other: PostgresServer
  let subject: Subject<TenantPool>
  beforeAll(async () => {
    other = await startPostgres()
    subject = await placedSubject(server, other)
  })
  afterAll(async () => {
    await subject?.close()
    await other?.stop()
  })

  const tenantOf = (placement: Tenant['placement'], id = 'acme') =>
    memoryRegistry().add({ id, slug: 'acme', name: 'Acme', placement })

  it.each([
    ['no isolation', {}, 'it names no isolation (row, schema, database)'],
    ['an unknown one', { isolation: 'cloud' }, 'there is no isolation "cloud" (row, schema, database)'],
    [
      'one by its prototype',
      { isolation: 'constructor' },
      'there is no isolation "constructor" (row, schema, database)',
    ],
  ])('a placement with %s is refused, and nothing is sent', async (_, placement, problem) => {
    const { isolation, outside } = subject
    const tenant = tenantOf(placement as never)
    const handle = isolation.handle(() => tenant)
    const refused = { code: 'PLACEMENT_INVALID', details: { tenant: 'acme', problem } }
    const before = await outside.statements()
    await expect(handle.query('select 1')).rejects.toMatchObject(refused)
    await expect(handle.connect()).rejects.toMatchObject(refused)
    await expect(isolation.provision(tenant)).rejects.toMatchObject(refused)
    await expect(isolation.deprovision(tenant)).rejects.toMatchObject(refused)
    await expect(new Promise((_, reject) => handle.query('select 1', reject as never))).rejects.toMatchObject(refused)
    await expect(new Promise((_, reject) => handle.connect(reject as never))).rejects.toMatchObject(refused)
    expect(await isolation.health(tenant)).toEqual({ ok: false, latency: 0, reason: 'PLACEMENT_INVALID' })
    expect(await outside.statements()).toBe(before)
  })

  it('a source that says another tenant when it is asked again is refused', async () => {
    const tenants = [tenantOf({ isolation: 'row' }), tenantOf({ isolation: 'schema' }, 'globex')]
    let asked = 0
    const handle = subject.isolation.handle(() => tenants[asked++ % 2] as Tenant)
    await expect(handle.query('select 1')).rejects.toMatchObject({
      code: 'SCOPE_MISMATCH',
      details: { lease: 'acme', current: 'globex' },
    })
  })

  it('a pool of none is no pool, and one that has ended stays so', async () => {
    expect(() => placed({})).toThrow(expect.objectContaining({ code: 'ARGUMENT_INVALID' }))
    const handle = subject.isolation.handle(() => tenantOf({ isolation: 'row' }))
    expect(handle.on('error', () => undefined)).toBe(handle)
    expect(handle.totalCount).toBeGreaterThanOrEqual(handle.idleCount)
    await handle.end()
    await expect(handle.query('select 1')).rejects.toMatchObject({ code: 'SCOPE_CLOSED' })
  })

  const left = ['sharedStore', 'objects']

  it('leaves out no law but those that not all levels claim, which each level keeps alone', () => {
    expect(subject.isolation.claims).toEqual({
      sharedStore: false,
      enforced: true,
      pooled: true,
      transactions: true,
      objects: false,
    })
    const skipped = laws.filter(law => skipReason(law, subject) !== undefined)
    expect(skipped).toEqual(laws.filter(({ claim }) => left.includes(claim)))
  })
  for (const law of laws) {
    if (left.includes(law.claim)) it.skip(`${law.name} (skipped: placed() does not claim ${law.claim})`)
    else it(law.name, () => runLaw(law, subject, { timeLimit: 110_000 }), 120_000)
  }
})
