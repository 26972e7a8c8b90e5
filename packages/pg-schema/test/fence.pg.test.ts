import { randomBytes, randomUUID } from 'node:crypto'
import type { Tenant } from '@tenantry/core'
import type { TenantPool } from '@tenantry/pg'
import { raceTheFence } from '@tenantry/pg-subject'
import { describePostgres } from '@tenantry/servers/vitest'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { type PgSchemaOptions, pgSchema, storageNames } from '../src/index.ts'
import { failureOf, type SchemaDatabase, schemaDatabase, silent, tenantOf, thereOf } from './support.ts'

const races = Number(process.env.TENANTRY_RACES ?? 20)

async function codeOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => 'no error',
    (error: { code?: unknown }) => error.code ?? error,
  )
}

const put = (pool: Pick<TenantPool, 'query'>) =>
  pool.query('insert into notes (id, text) values ($1, $2)', [randomUUID(), 'a note'])

for (const role of ['tenant', 'none'] as const) {
  describePostgres(
    `the fence of pg-schema, role: ${role}`,
    server => {
      let database: SchemaDatabase
      let keeperPool: pg.Pool
      const pools: pg.Pool[] = []
      const [a, b] = [tenantOf({ slug: 'a' }), tenantOf({ slug: 'b' })]
      beforeAll(async () => {
        database = await schemaDatabase(server)
        const name = `${database.name}_maker`
        const url = new URL(database.provisionerUrl)
        url.username = name
        url.password = randomBytes(12).toString('hex')
        for (const text of [
          `create role ${name} login createrole password '${url.password}'`,
          `grant pg_signal_backend to ${name}`,
          `grant connect, create on database ${database.name} to ${name}`,
        ])
          await database.admin.query(text)
        keeperPool = new pg.Pool({ connectionString: url.href, max: 4 })
        pools.push(keeperPool)
        for (const text of ['drop schema template cascade', 'create schema template authorization current_user'])
          await (text.startsWith('drop') ? database.provisioner : keeperPool).query(text)
        await keeperPool.query(
          `create table template.notes (id uuid primary key, text text not null);
           create function template.added() returns void language sql begin atomic insert into template.notes values (gen_random_uuid(), 'atomic'); end`,
        )
        for (const each of [a, b]) await keeper().provision(each)
      })
      afterEach(async () => {
        for (const each of [a, b]) await keeper().resume?.(each)
      })
      afterAll(async () => {
        for (const pool of pools) pool.on('error', () => undefined)
        await Promise.all(pools.map(pool => pool.end()))
        await database?.close()
      })

      function open(options: Partial<PgSchemaOptions> = {}, max = 3) {
        const pool = new pg.Pool({ connectionString: database.runtimeUrl, max })
        pools.push(pool)
        return pgSchema({
          ...{ pool, role, rolePrefix: database.rolePrefix, onUnsafe: 'report', logger: silent },
          ...{ pooler: server.bouncer !== undefined, namedStatements: server.namedStatements },
          ...options,
        })
      }
      let keeping: ReturnType<typeof pgSchema> | undefined
      function keeper() {
        keeping ??= open({ provisioner: keeperPool })
        return keeping
      }
      const suspend = async (tenant: Tenant, deadline: number) => keeper().suspend?.(tenant, deadline)
      const handle = (tenant: Tenant) => open().handle(() => tenant)
      const namesOf = (tenant: Tenant) => storageNames({ rolePrefix: database.rolePrefix })(tenant)
      const idsOf = async (tenant: Tenant) =>
        (await database.admin.query<{ id: string }>(`select id from ${namesOf(tenant).schema}.notes`)).rows.map(
          ({ id }) => id,
        )
      async function untilWaiting(): Promise<void> {
        const look = `select from pg_locks where locktype = 'advisory' and mode = 'ExclusiveLock' and not granted
          and database = (select oid from pg_database where datname = current_database())`
        while ((await database.admin.query(look)).rowCount === 0) await new Promise(resolve => setTimeout(resolve, 2))
      }

      it('L3 E12 a suspended tenant is refused to whoever takes it for active, in every way, and nobody else is', async () => {
        const [ofA, ofB] = [handle(a), handle(b)]
        await put(ofA)
        await ofA.query({ name: 'n', text: 'select id from notes' })
        await suspend(a, 1_000)
        const before = await idsOf(a)
        expect(await codeOf(put(ofA))).toBe('TENANT_SUSPENDED')
        expect(await codeOf(ofA.query({ name: 'n', text: 'select id from notes' }))).toBe('TENANT_SUSPENDED')
        expect(await codeOf(ofA.query('select added()'))).toBe('TENANT_SUSPENDED')
        for (let turn = 0; turn < 5; turn += 1) {
          const mixed = await Promise.all(
            [ofA, ofB, ofA, ofB].map(pool => codeOf(pool.query('select text from notes'))),
          )
          expect(mixed).toEqual(['TENANT_SUSPENDED', 'no error', 'TENANT_SUSPENDED', 'no error'])
        }
        for (const begin of ['begin', 'begin isolation level repeatable read', 'begin isolation level serializable']) {
          const client = await ofA.connect()
          await client.query(begin)
          expect(await codeOf(put(client)), begin).toBe('TENANT_SUSPENDED')
          expect(await codeOf(client.query('rollback'))).toBe('no error')
          client.release()
        }
        expect(await idsOf(a)).toEqual(before)
        expect(await keeper().health(a)).toMatchObject({ ok: false, reason: 'TENANT_SUSPENDED' })
        await keeper().resume?.(a)
        await put(ofA)
        expect(await idsOf(a)).toHaveLength(before.length + 1)
      })

      it('L3 what was begun before, and asked for nothing yet, is refused behind it, whatever its process remembers', async () => {
        const ofA = handle(a)
        for (const text of [
          'select 1',
          'select added()',
          `insert into notes (id, text) values (gen_random_uuid(), '')`,
        ])
          for (const begin of ['begin', 'begin isolation level repeatable read']) {
            const client = await ofA.connect()
            // Known to the server process, and prepared.
            await client.query({ name: text, text })
            await client.query(begin)
            await suspend(a, 60_000)
            const before = await idsOf(a)
            expect(await codeOf(client.query({ name: text, text })), `${begin}; ${text}`).toBe('TENANT_SUSPENDED')
            await client.query('rollback')
            client.release()
            expect(await idsOf(a)).toEqual(before)
            await keeper().resume?.(a)
          }
      })

      it('L3 SQL of whoever has become the tenant by hand is refused too', async () => {
        const { schema, role: name } = namesOf(a)
        const client = new pg.Client(database.runtimeUrl)
        await client.connect()
        const statements = [
          `insert into ${schema}.notes values (gen_random_uuid(), 'by hand')`,
          `select ${schema}.added()`,
        ]
        await client.query('begin')
        if (role === 'tenant') await client.query(`set local role ${name}`)
        for (const text of statements) await client.query(text)
        await client.query('commit')
        await suspend(a, 1_000)
        for (const text of statements) {
          await client.query('begin')
          if (role === 'tenant') await client.query(`set local role ${name}`)
          expect(await codeOf(client.query(text))).toBe('42501')
          await client.query('rollback')
        }
        await client.end()
      })

      it('L3 what is under way may end, while nothing begins, and suspending waits for it', async () => {
        const client = await handle(a).connect()
        await client.query('begin')
        await put(client)
        let up = false
        const suspending = suspend(a, 60_000).then(() => {
          up = true
        })
        await untilWaiting()
        expect(await codeOf(put(handle(a)))).toBe('TENANT_SUSPENDED')
        await put(client)
        await put(handle(b))
        expect(up).toBe(false)
        const before = (await idsOf(a)).length
        await client.query('commit')
        client.release()
        await suspending
        expect(await idsOf(a)).toHaveLength(before + 2)
      })

      it('L3 past the deadline the server ends it, and nothing of it lands', async () => {
        const before = await idsOf(a)
        const [client, other] = [await handle(a).connect(), await handle(b).connect()]
        for (const each of [client, other]) {
          await each.query('begin')
          await put(each)
        }
        await suspend(a, 30)
        expect(await codeOf(client.query('commit'))).toMatch(/^(?:CONNECTION_LOST|TENANT_SUSPENDED)$/)
        client.release()
        expect(await idsOf(a)).toEqual(before)
        await other.query('commit')
        other.release()
      })

      it('L3 provisioning again leaves the fence, and verify has nothing to say of it', async () => {
        await suspend(a, 1_000)
        // Without roles no tenant is like the template, and it says so of all.
        const told = role === 'tenant' ? [] : ['S15']
        const found = (await keeper().verify()).filter(({ object }) => object.includes(namesOf(a).schema))
        expect(found.map(({ id }) => id)).toEqual(told)
        await keeper().provision(a)
        expect(await codeOf(put(handle(a)))).toBe('TENANT_SUSPENDED')
        if (role === 'none') return
        await database.admin.query(`drop owned by ${namesOf(a).role}; drop role ${namesOf(a).role}`)
        await keeper().provision(a)
        expect(await codeOf(put(handle(a)))).toBe('TENANT_SUSPENDED')
        await keeper().resume?.(a)
        await put(handle(a))
      })

      it('L3 suspending and resuming twice is once, also at the same time, and without a schema it is nothing', async () => {
        await Promise.all([suspend(a, 1_000), suspend(a, 1_000), suspend(b, 1_000)])
        await suspend(a, 0)
        for (let turn = 0; turn < 2; turn += 1) await keeper().resume?.(a)
        expect(await codeOf(put(handle(a)))).toBe('no error')
        expect(await codeOf(put(handle(b)))).toBe('TENANT_SUSPENDED')
        const nobody = tenantOf({ slug: 'nobody' })
        await suspend(nobody, 1_000)
        await keeper().resume?.(nobody)
        expect(await keeper().inventory?.(nobody)).toEqual([])
      })

      it('L3 the default tenant is not suspended, nor what belongs to somebody else, nor what others let in', async () => {
        const home = { ...a, isDefault: true }
        expect(await codeOf(suspend(home, 0))).toBe('TENANT_PROTECTED')
        const foreign = tenantOf({ slug: 'foreign' })
        await database.admin.query(`create schema ${namesOf(foreign).schema}`)
        expect(await codeOf(suspend(foreign, 0))).toBe('OBJECT_FOREIGN')
        const { schema, role: name } = namesOf(b)
        const user = role === 'tenant' ? name : database.runtimeRole
        await database.admin.query(`grant usage on schema ${schema} to public`)
        expect(await failureOf(suspend(b, 0))).toMatchObject({
          code: 'SUSPENSION_INCOMPLETE',
          message: expect.stringContaining(`${user} may use the schema`),
        })
        await database.admin.query(`revoke usage on schema ${schema} from public`)
        await put(handle(b))
      })

      it('L3 a suspended tenant is counted and erased behind its fence', async () => {
        const gone = tenantOf({ slug: 'gone' })
        await keeper().provision(gone)
        for (let turn = 0; turn < 3; turn += 1) await put(handle(gone))
        await keeperPool.query(
          `alter table ${namesOf(gone).schema}.notes enable row level security, force row level security`,
        )
        await suspend(gone, 1_000)
        const { schema, role: name } = namesOf(gone)
        const all = [
          { kind: 'table', name: `${schema}.notes`, count: 3 },
          { kind: 'schema', name: schema, count: 1 },
          ...(role === 'tenant' ? [{ kind: 'role', name, count: 1 }] : []),
        ]
        expect(await keeper().inventory?.(gone)).toEqual(all)
        const { rows } = await database.admin.query(
          `select relforcerowsecurity as forced from pg_class where oid = '${schema}.notes'::regclass`,
        )
        expect(rows).toEqual([{ forced: true }])
        expect((await keeper().deprovision(gone)).erased).toEqual(all)
        expect(await keeper().inventory?.(gone)).toEqual([])
        expect(await thereOf(database, gone)).toEqual([])
      })

      if (role === 'tenant' && server.bouncer === undefined)
        it(
          'L3 C9 C19 nothing lands behind the fence in races of four processes, and nobody else is disturbed',
          async () => {
            const writers = Array.from({ length: 4 }, () => open({}, 4))
            const report = await raceTheFence({
              ...{ writers, keeper: keeper(), other: b, races },
              tenant: () => a,
              ids: idsOf,
            })
            expect(report).toMatchObject({ late: 0, lost: 0, stalled: 0, disturbances: [] })
            expect(report.landed).toBeGreaterThan(races)
            // Who has taken its snapshot in front of the fence and gets to the lock behind it is refused, and cannot see why.
            const known = ['TENANT_SUSPENDED', 'TENANT_STORE_MISSING']
            expect([...report.refusals].filter(code => !known.includes(code))).toEqual([])
            expect(report.refusals).toContain('TENANT_SUSPENDED')
          },
          60_000 + races * 3_000,
        )
    },
    { through: role === 'tenant' ? ['direct', 'pgbouncer'] : ['direct'] },
  )
}
