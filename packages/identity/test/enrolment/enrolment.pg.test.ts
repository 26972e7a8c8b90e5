import { randomBytes } from 'node:crypto'
import { cachedRegistry, checkTenantInput, createTenancy, type TenantStore } from '@tenantry/core'
import { migrateRegistry, type PostgresRegistry, postgresRegistry } from '@tenantry/pg/registry'
import { describePostgres } from '@tenantry/servers/vitest'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createEnrolment, type Enrolling } from '../../src/index.ts'
import { recorder, refusal } from '../support.ts'
import { act, enrolmentLaws, sleep } from './enrolment-laws.ts'

const races = Number(process.env.TENANTRY_RACES ?? 25)
const by = { actor: 'ada' }

describePostgres('enrolment in Postgres', server => {
  const pools: pg.Pool[] = []
  const urls = { admin: '', owner: '', runtime: '' }
  let registry: PostgresRegistry
  let owner: pg.Pool

  const open = (as: keyof typeof urls, max = 4) => {
    const pool = new pg.Pool({ connectionString: urls[as], max })
    pools.push(pool)
    return pool
  }
  /** What another process has. */
  const another = (max?: number) => postgresRegistry({ pool: open('runtime', max) })
  const enrolmentOf = (store: PostgresRegistry, lookups: Pick<TenantStore, 'find'> = store) =>
    createEnrolment({
      ...{ store: store.enrolment, registry: lookups, logger: recorder() },
      tenancy: createTenancy({ registry: store, logger: recorder() }),
    })

  beforeAll(async () => {
    const database = await server.freshDatabase()
    // A login of its own: what is granted to a role is seen by every test of the server.
    const role = `${database.name}_registry`
    const runtime = new URL(database.runtimeUrl)
    runtime.username = role
    runtime.password = randomBytes(12).toString('hex')
    Object.assign(urls, { admin: database.adminUrl, owner: database.ownerUrl, runtime: runtime.href })
    await open('admin', 1).query(
      `create role ${role} login noinherit password '${runtime.password}'; grant connect on database ${database.name} to ${role}`,
    )
    owner = open('owner')
    await migrateRegistry({ pool: owner, role })
    registry = another()
    for (const id of ['a', 'b']) {
      const insert = { ...checkTenantInput({ slug: id, name: id, status: 'active' }), id }
      await registry.begin(operation('create'), { insert }, { action: 'tenant.create', ...by, tenant: id })
    }
  })
  afterAll(async () => {
    for (const pool of pools) await pool.end()
  })

  function operation(kind: 'create' | 'suspend' | 'resume') {
    return { id: crypto.randomUUID(), kind, ...by, digest: 'x', parameters: {}, state: 'done' as const }
  }
  async function setStatus(tenant: string, status: 'active' | 'suspended') {
    const kind = status === 'active' ? 'resume' : 'suspend'
    await registry.begin(operation(kind), { update: tenant, set: { status } }, { action: kind, ...by, tenant })
  }

  describe('keeps what stores of enrolment promise:', () => {
    enrolmentLaws(async () => {
      await owner.query('delete from tenantry.registry_enrolment_pools')
      await owner.query('delete from tenantry.registry_enrolment_tokens')
      for (const id of ['a', 'b'])
        if ((await registry.find({ kind: 'id', value: id }))?.status !== 'active') await setStatus(id, 'active')
      return { store: registry.enrolment, registry, setStatus }
    })
  })

  it(
    `C31 50 who redeem one token at once: exactly one is bound, ${races} times`,
    async () => {
      const all = Array.from({ length: 5 }, () => enrolmentOf(another(10)))
      const bound: Enrolling[] = []
      let refusals = 0
      for (let race = 0; race < races; race++) {
        const { secret } = await enrolmentOf(registry).createToken({ tenantId: race % 2 ? 'a' : 'b' }, act)
        const before = bound.length
        const outcomes = await Promise.allSettled(
          Array.from({ length: 50 }, (_, index) =>
            all[index % 5]?.redeem(secret.reveal(), {
              redeemer: `${race}-${index}`,
              bind: enrolling => void bound.push(enrolling),
            }),
          ),
        )
        const failed = outcomes.filter(outcome => outcome.status === 'rejected')
        expect([bound.length - before, failed.length]).toEqual([1, 49])
        for (const { reason } of failed) {
          if (reason?.code !== 'CREDENTIAL_INVALID') throw reason
          refusals++
        }
      }
      expect([bound.length, refusals]).toEqual([races, races * 49])
      expect(new Set(bound.map(({ redemption }) => redemption)).size).toBe(races)
    },
    60_000 + races * 2_000,
  )

  it('C31 50 attempts of one redeemer at once take one use and bind once, also where there are more', async () => {
    const all = Array.from({ length: 5 }, () => enrolmentOf(another(10)))
    for (let race = 0; race < 5; race++) {
      const { token, secret } = await enrolmentOf(registry).createToken({ tenantId: 'a', maxUses: 50 }, act)
      let bound = 0
      const outcomes = await Promise.allSettled(
        Array.from({ length: 50 }, (_, index) =>
          all[index % 5]?.redeem(secret.reveal(), { redeemer: `same-${race}`, bind: () => void bound++ }),
        ),
      )
      expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
      expect(bound).toBe(1)
      expect((await registry.enrolment.tokens('a')).find(({ id }) => id === token.id)?.uses).toBe(1)
    }
  })

  it('C31 who waits for the last use behind another looks again, and is refused', async () => {
    const { token, secret } = await enrolmentOf(registry).createToken({ tenantId: 'a' }, act)
    // Holds the row as a redemption does that has not committed.
    const first = await open('runtime', 1).connect()
    await first.query('begin')
    await first.query('update tenantry.registry_enrolment_tokens set uses = uses + 1 where id = $1', [token.id])
    const waiting = refusal('CREDENTIAL_INVALID', () =>
      enrolmentOf(another()).redeem(secret.reveal(), { redeemer: 'late', bind: () => 'bound' }),
    )
    const look = `select from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`
    const admin = open('admin', 1)
    while ((await admin.query(look)).rowCount === 0) await sleep(2)
    await first.query('commit')
    first.release()
    await waiting
  })

  it('C31 E11 a token, a pool and a tenant that are revoked or suspended are dead for four registries at once', async () => {
    const others = Array.from({ length: 4 }, () => another())
    // Each of them believes for an hour that the tenant is active.
    const stale = others.map(each => enrolmentOf(each, cachedRegistry(each, { ttl: 3_600_000 })))
    const make = async () => {
      const here = enrolmentOf(registry)
      const { pool, secret } = await here.createPool({ tenantId: 'b', name: crypto.randomUUID(), ttl: 60_000 }, act)
      return { pool, poolSecret: secret.reveal(), issued: await here.issue(pool.id, secret.reveal()) }
    }
    const warm = await make()
    for (const each of stale) await each.issue(warm.pool.id, warm.poolSecret)
    const ends: ((of: Awaited<ReturnType<typeof make>>) => Promise<unknown>)[] = [
      ({ issued }) => registry.enrolment.revokeToken('b', issued.token.id) as Promise<unknown>,
      ({ pool }) => registry.enrolment.revokePool('b', pool.id) as Promise<unknown>,
      () => setStatus('b', 'suspended'),
    ]
    for (const [index, end] of ends.entries()) {
      const made = await make()
      const text = made.issued.secret.reveal()
      await end(made)
      for (const [at, each] of stale.entries()) {
        await refusal('CREDENTIAL_INVALID', () => each.redeem(text, { redeemer: `r${at}`, bind: () => 'bound' }))
        if (index > 0) await refusal('CREDENTIAL_INVALID', () => each.issue(made.pool.id, made.poolSecret))
      }
    }
    await setStatus('b', 'active')
  })

  it('S36 A32 what enrolled is found under its tenant later, and cannot enrol into another', async () => {
    const here = enrolmentOf(registry)
    const redeemer = 'sha256:0f1e'
    const bind = ({ tenantId }: Enrolling) => registry.addIdentity(tenantId, { issuer: 'agents', value: redeemer }, by)
    const tokenOf = async (tenantId: string) => (await here.createToken({ tenantId }, act)).secret.reveal()
    await here.redeem(await tokenOf('a'), { redeemer, bind })
    expect((await registry.findByIdentity({ issuer: 'agents', value: redeemer }))?.id).toBe('a')
    const ofB = await tokenOf('b')
    await refusal('TENANT_EXISTS', () => here.redeem(ofB, { redeemer, bind }))
    expect((await registry.findByIdentity({ issuer: 'agents', value: redeemer }))?.id).toBe('a')
    // Another try of the same agent with a token of its own tenant is none of this.
    await here.redeem(await tokenOf('a'), { redeemer, bind })
  })

  it('A31 S34 no secret stands in any table', async () => {
    const here = enrolmentOf(registry)
    const { pool, secret } = await here.createPool({ tenantId: 'a', name: 'dump', ttl: 60_000 }, act)
    const issued = await here.issue(pool.id, secret.reveal())
    const made = await here.createToken({ tenantId: 'a' }, act)
    for (const table of ['pools', 'tokens', 'redemptions']) {
      const { rows } = await owner.query(`select t::text from tenantry.registry_enrolment_${table} t`)
      for (const each of [secret, issued.secret, made.secret]) expect(JSON.stringify(rows)).not.toContain(each.reveal())
    }
  })

  it.each([
    ['A27 the tenant of a pool', `update tenantry.registry_enrolment_pools set tenant = 'b'`],
    ['A27 the group of a pool', `update tenantry.registry_enrolment_pools set default_group = 'core'`],
    ['A29 the time of a pool', 'update tenantry.registry_enrolment_pools set ttl = 1'],
    ['A25 the tenant of a token', `update tenantry.registry_enrolment_tokens set tenant = 'b', pool = null`],
    ['C31 the end of a token', 'update tenantry.registry_enrolment_tokens set expires_at = null'],
    ['C31 how many may use it', 'update tenantry.registry_enrolment_tokens set max_uses = 9'],
    ['C31 what was used', 'update tenantry.registry_enrolment_tokens set uses = 0'],
    ['C31 what was redeemed', 'update tenantry.registry_enrolment_redemptions set consumed_at = null'],
    ['C31 whose redemption it is', `update tenantry.registry_enrolment_redemptions set redeemer = 'me'`],
  ])('%s never changes, whoever writes SQL', async (_, text) => {
    const here = enrolmentOf(registry)
    const { pool, secret } = await here.createPool({ tenantId: 'a', name: crypto.randomUUID(), ttl: 60_000 }, act)
    const issued = await here.issue(pool.id, secret.reveal())
    await here.redeem(issued.secret.reveal(), { redeemer: 'x', bind: () => 'bound' })
    for (const pool of [owner, open('runtime', 1)])
      await expect(pool.query(text)).rejects.toMatchObject({ code: 'TN003' })
  })

  it('A25 no token is of another tenant than its pool, whoever writes SQL', async () => {
    const { pool } = await enrolmentOf(registry).createPool({ tenantId: 'a', name: 'own', ttl: 1_000 }, act)
    const text = `insert into tenantry.registry_enrolment_tokens (id, hash, tenant, pool, max_uses) values ('x', repeat('a', 64), 'b', $1, 1)`
    await expect(owner.query(text, [pool.id])).rejects.toMatchObject({ code: '23503' })
  })

  it('C31 what is revoked stays so, and its role may delete nothing', async () => {
    const here = enrolmentOf(registry)
    const { pool } = await here.createPool({ tenantId: 'a', name: 'gone', ttl: 1_000 }, act)
    const { token } = await here.createToken({ tenantId: 'a' }, act)
    await here.revokePool('a', pool.id, act)
    await here.revokeToken('a', token.id, act)
    const runtime = open('runtime', 1)
    for (const table of ['pools', 'tokens']) {
      await expect(
        runtime.query(`update tenantry.registry_enrolment_${table} set revoked_at = null where revoked_at is not null`),
      ).rejects.toMatchObject({ code: 'TN003' })
    }
    for (const table of ['pools', 'tokens', 'redemptions'])
      await expect(runtime.query(`delete from tenantry.registry_enrolment_${table}`)).rejects.toMatchObject({
        code: '42501',
      })
    expect(await registry.verify()).toEqual([])
  })
})
