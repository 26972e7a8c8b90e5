import { randomUUID } from 'node:crypto'
import type { CredentialSource, Tenant } from '@tenantry/core'
import type { TenantPool } from '@tenantry/pg'
import { raceTheFence } from '@tenantry/pg-subject'
import { describePostgres } from '@tenantry/servers/vitest'
import pg from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type PgDatabase, postgresLeases } from '../src/index.ts'
import { databaseIsolation, failureOf, type Ground, makeGround, silent, standing, tenantOn } from './support.ts'

const races = Number(process.env.TENANTRY_RACES ?? 20)

async function codeOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => 'no error',
    (error: { code?: unknown }) => error.code ?? error,
  )
}

const put = (pool: Pick<TenantPool, 'query'>) =>
  pool.query('insert into notes (id, text) values ($1, $2)', [randomUUID(), 'a note'])

for (const logins of ['leased', 'standing'] as const) {
  describePostgres(`the fence of pg-database, logins: ${logins}`, server => {
    let ground: Ground
    let keeper: PgDatabase
    let credentials: CredentialSource
    const pools: pg.Pool[] = []
    const isolations: PgDatabase[] = []
    const admins = new Map<string, pg.Pool>()
    let [a, b] = [{} as Tenant, {} as Tenant]
    beforeAll(async () => {
      ground = await makeGround(server)
      const pool = new pg.Pool({ connectionString: ground.brokerUrl, max: 4 })
      pools.push(pool)
      credentials =
        logins === 'standing'
          ? standing()
          : postgresLeases({ brokers: { one: pool }, prefix: `${ground.prefix}l_`, logger: silent })
      keeper = open()
      a = tenantOn(ground)
      b = tenantOn(ground)
      for (const each of [a, b]) await keeper.provision(each)
    })
    afterAll(async () => {
      for (const each of isolations) await each.close()
      await credentials?.close?.()
      for (const pool of [...pools, ...admins.values()]) {
        pool.on('error', () => undefined)
        await pool.end()
      }
      await ground?.close()
    })

    function open(): PgDatabase {
      const isolation = databaseIsolation(ground, { credentials, connections: { max: 30, maxPerTenant: 4 } })
      isolations.push(isolation)
      return isolation
    }
    /** Who serves it takes it for active. */
    const handle = (tenant: Tenant) => open().handle(() => tenant)
    function adminOf({ placement }: Tenant): pg.Pool {
      const name = `${placement.database}`
      const known = admins.get(name) ?? new pg.Pool({ connectionString: ground.urlOf(name), max: 1 })
      admins.set(name, known)
      return known
    }
    const idsOf = async (tenant: Tenant) =>
      (await adminOf(tenant).query<{ id: string }>('select id from notes')).rows.map(({ id }) => id)
    let version = 1
    /** As the registry knows it from now on. */
    function next(tenant: Tenant): Tenant {
      version += 1
      return { ...tenant, version }
    }
    const suspend = async (tenant: Tenant, deadline: number) => keeper.suspend?.(next(tenant), deadline)

    it('L3 E12 a suspended tenant is refused to whoever takes it for active, with old and new logins, and nobody else is', async () => {
      const [ofA, ofB] = [handle(a), handle(b)]
      await put(ofA)
      await put(ofB)
      await suspend(a, 1_000)
      const before = await idsOf(a)
      expect(await codeOf(put(ofA))).toMatch(/^(?:TENANT_SUSPENDED|CONNECTION_LOST)$/)
      expect(await codeOf(put(ofA))).toBe('TENANT_SUSPENDED')
      expect(await codeOf(put(handle(a)))).toBe('TENANT_SUSPENDED')
      await put(ofB)
      expect(await idsOf(a)).toEqual(before)
      expect(await codeOf(put(keeper.handle(() => a)))).toBe('TENANT_SUSPENDED')
      await keeper.resume?.(next(a))
      await put(handle(a))
      const now = next(a)
      await put(keeper.handle(() => now))
      expect(await idsOf(a)).toHaveLength(before.length + 2)
    })

    it('L3 what is under way may end, and suspending waits for it; past the deadline the server ends it', async () => {
      const before = (await idsOf(a)).length
      const [quick, slow, other] = [await handle(a).connect(), await handle(a).connect(), await handle(b).connect()]
      for (const each of [quick, slow, other]) {
        await each.query('begin')
        await put(each)
      }
      let up = false
      const suspending = suspend(a, 700).then(() => {
        up = true
      })
      await put(quick)
      await quick.query('commit')
      expect(up).toBe(false)
      quick.release()
      await suspending
      expect(await codeOf(slow.query('commit'))).toBe('CONNECTION_LOST')
      slow.release()
      expect(await idsOf(a)).toHaveLength(before + 2)
      await other.query('commit')
      other.release()
      await keeper.resume?.(next(a))
    })

    it('L3 who is still in cannot open the door again', async () => {
      const client = await handle(a).connect()
      await client.query('begin')
      const suspending = suspend(a, 300)
      const database = `${a.placement.database}`
      const acl = `select exists (select from pg_database, aclexplode(datacl) x where datname = $1 and x.privilege_type = 'CONNECT') as open`
      while ((await ground.admin.query(acl, [database])).rows[0].open)
        await new Promise(resolve => setTimeout(resolve, 2))
      await client.query(`grant connect on database ${database} to public`)
      await client.query('commit')
      await suspending
      client.release()
      expect((await ground.admin.query(acl, [database])).rows).toEqual([{ open: false }])
      expect(await codeOf(put(handle(a)))).toBe('TENANT_SUSPENDED')
      await keeper.resume?.(next(a))
    })

    it('L3 provisioning again leaves the fence, and suspending and resuming twice is once', async () => {
      await Promise.all([suspend(a, 1_000), suspend(a, 0)])
      await keeper.provision(a)
      expect(await codeOf(put(handle(a)))).toBe('TENANT_SUSPENDED')
      for (let turn = 0; turn < 2; turn += 1) await keeper.resume?.(next(a))
      await put(handle(a))
      const nobody = tenantOn(ground)
      await suspend(nobody, 1_000)
      await keeper.resume?.(nobody)
      expect(await keeper.inventory?.(nobody)).toEqual([])
      expect((await failureOf(suspend({ ...a, isDefault: true }, 0))).code).toBe('TENANT_PROTECTED')
      expect((await failureOf(suspend(a, -1))).code).toBe('ARGUMENT_INVALID')
      await ground.admin.query(`create database ${ground.prefix}other allow_connections false`)
      const foreign = { ...nobody, placement: { ...nobody.placement, database: `${ground.prefix}other` } }
      expect((await failureOf(suspend(foreign, 0))).code).toBe('OBJECT_FOREIGN')
    })

    it('L3 a suspended tenant is counted and erased behind its fence, and counting leaves nothing behind', async () => {
      const gone = tenantOn(ground)
      await keeper.provision(gone)
      await put(handle(gone))
      await put(handle(gone))
      await handle(gone).query('alter table notes enable row level security')
      await handle(gone).query('alter table notes force row level security')
      await suspend(gone, 1_000)
      const there = await ground.left()
      const name = `${gone.placement.database}`
      const held = await keeper.inventory?.(gone)
      const ofLogin = logins === 'standing' ? [{ kind: 'role', name: `${name}_login`, count: 1 }] : []
      expect(held).toEqual([
        { kind: 'table', name: 'public.notes', count: 2 },
        { kind: 'database', name, count: 1 },
        ...ofLogin,
        { kind: 'role', name, count: 1 },
      ])
      expect(await ground.left()).toEqual(there)
      const forced = `select relforcerowsecurity as forced from pg_class where relname = 'notes'`
      expect((await adminOf(gone).query(forced)).rows).toEqual([{ forced: true }])
      expect(await codeOf(put(handle(gone)))).toBe('TENANT_SUSPENDED')
      await admins.get(name)?.end()
      admins.delete(name)
      expect((await keeper.deprovision(gone)).erased).toEqual(expect.arrayContaining(held as object[]))
      expect(await keeper.inventory?.(gone)).toEqual([])
    })

    it('L3 a lease is counted', async () => {
      const pool = handle(a)
      await put(pool)
      const held = (await keeper.inventory?.(a)) ?? []
      expect(held.some(({ kind }) => kind === 'lease')).toBe(logins === 'leased')
    })

    it(
      'L3 C9 C19 nothing lands behind the fence in races of four processes, and nobody else is disturbed',
      async () => {
        const writers = Array.from({ length: 4 }, open)
        const report = await raceTheFence({
          ...{ writers, keeper, other: b, races: Math.ceil(races / 2) },
          tenant: () => a,
          ids: idsOf,
        })
        expect(report).toMatchObject({ late: 0, lost: 0, stalled: 0, disturbances: [] })
        expect(report.landed).toBeGreaterThan(races)
        const known = ['TENANT_SUSPENDED', 'CONNECTION_LOST']
        expect([...report.refusals].filter(code => !known.includes(code))).toEqual([])
        expect(report.refusals).toContain('TENANT_SUSPENDED')
      },
      60_000 + races * 3_000,
    )
  })
}
