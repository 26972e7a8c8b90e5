import { randomBytes } from 'node:crypto'
import { Socket } from 'node:net'
import { inspect } from 'node:util'
import { createTenancy, memoryRegistry, secret, TenancyError } from '@tenantry/core'
import { quoteIdentifier, type TenantClient, type TenantPool } from '@tenantry/pg'
import { startFaultProxy } from '@tenantry/servers'
import { describePostgres } from '@tenantry/servers/vitest'
import { Kysely, PostgresDialect } from 'kysely'
import type pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { installSeal, type PgRlsOptions, pgRls, removeSealKeyStatement, sealKeyStatement } from '../src/index.ts'
import { checkedKey } from '../src/seal/seal-key.ts'
import { verifierSource } from '../src/seal/seal-sql.ts'
import { modes, type SealedBench, sealedBench, testKey, tokenFor } from './sealed-bench.ts'
import { connect, execute, openPool, recorder, refusal, sqlState } from './support.ts'

const ids = ['a', '0', 'A-b_C', '-', '_', 'x'.repeat(64), '0190a1b2-0000-7000-8000-00000000abcd'] as const
const uuid = ids[6]
const registry = memoryRegistry()
const tenants = await Promise.all(
  ids.map(async (id, at) => registry.add({ id, slug: `t${at}`, name: id, ...(at === 0 ? { isControl: true } : {}) })),
)
const tenancy = createTenancy({ registry, logger: recorder() })
const [a, b] = tenants as [(typeof tenants)[number], (typeof tenants)[number]]
const ofUuid = tenants[6] as (typeof tenants)[number]
const broken = /the seal of the tenant context does not hold/

describePostgres(
  'a sealed tenant context',
  server => {
    describe.each(modes)('%s', mode => {
      let bench: SealedBench
      let pool: pg.Pool
      let rows: TenantPool
      const isolation = (options: Partial<PgRlsOptions> = {}, on = pool) =>
        pgRls({ pool: on, logger: recorder(), ...bench.options, ...options })
      /** For tests that move the clock: what a connection has said must not be from the future of the next test. */
      let moved: pg.Pool

      beforeAll(async () => {
        bench = await sealedBench(server, mode)
        pool = openPool(bench.database, { max: 2 })
        pool.setMaxListeners(50)
        rows = tenancy.handle(isolation())
      })
      beforeEach(async () => {
        await bench.admin('delete from notes', 'delete from orders')
        moved = openPool(bench.database, { max: 1 })
      })
      afterEach(() => {
        vi.restoreAllMocks()
        return moved.end()
      })
      afterAll(() => pool.end())

      const note = (id = 1) => rows.query('insert into notes (id, body) values ($1, $2)', [id, tenancy.current().id])
      const bodies = async (from: Pick<TenantClient, 'query'> = rows) =>
        (await from.query<{ body: string }>('select body from notes order by id')).rows.map(({ body }) => body)
      async function withClient<T>(work: (client: TenantClient) => Promise<T>): Promise<T> {
        const client = await rows.connect()
        try {
          return await work(client)
        } finally {
          client.release()
        }
      }

      it('create, read, update, delete: for ids of every form, many at once', async () => {
        await Promise.all(tenants.map(tenant => tenancy.run(tenant, () => note())))
        for (const tenant of tenants) {
          await tenancy.run(tenant, async () => {
            expect(await bodies()).toEqual([tenant.id])
            expect((await rows.query(`update notes set body = body || '!'`)).rowCount).toBe(1)
            await rows.query(
              `insert into notes (id, body) values (1, 'z') on conflict (tenant_id, id) do update set body = 'z'`,
            )
          })
        }
        expect((await tenancy.run(a, () => rows.query('delete from notes'))).rowCount).toBe(1)
        expect((await bench.admin('select * from notes')).rowCount).toBe(tenants.length - 1)
      })

      it('a uuid column, and one tenant in two tables', async () => {
        await tenancy.run(ofUuid, async () => {
          await note()
          await rows.query(`insert into orders (id, body) values (1, 'x')`)
          const { rows: joined } = await rows.query('select o.tenant_id, n.body from orders o join notes n using (id)')
          expect(joined).toEqual([{ tenant_id: uuid, body: uuid }])
        })
        expect(await sqlState(tenancy.run(a, () => rows.query('select * from orders')))).toBe('22P02')
      })

      it('a row of another tenant is neither written nor moved', async () => {
        await tenancy.run(a, async () => {
          await note()
          expect(await sqlState(rows.query(`insert into notes (tenant_id, id) values ('0', 2)`))).toBe('42501')
          expect(await sqlState(rows.query(`update notes set tenant_id = '0'`))).toBe('42501')
        })
      })

      it('transactions, savepoints, and an aborted transaction', async () => {
        await tenancy.run(a, () =>
          withClient(async client => {
            await client.query('begin isolation level repeatable read')
            await client.query(`insert into notes (id, body) values (1, 'kept')`)
            await client.query('savepoint s')
            await client.query(`insert into notes (id, body) values (2, 'gone')`)
            expect(await sqlState(client.query('select 1/0'))).toBe('22012')
            expect(await sqlState(client.query('select * from notes'))).toBe('25P02')
            await client.query('rollback to s')
            expect(await bodies(client)).toEqual(['kept'])
            await client.query('commit')
            await client.query('begin')
            expect(await sqlState(client.query('select * from missing'))).toBe('42P01')
            await client.query('rollback')
            expect(await bodies(client)).toEqual(['kept'])
          }),
        )
        expect(await tenancy.run(b, () => bodies())).toEqual([])
      })

      it('a cursor in a transaction, and statements on one lease that nobody awaits', async () => {
        await tenancy.run(a, async () => {
          for (const id of [1, 2, 3]) await note(id)
          await withClient(async client => {
            await client.query('begin')
            await client.query('declare c cursor for select id from notes order by id')
            expect((await client.query('fetch 2 from c')).rows).toEqual([{ id: 1 }, { id: 2 }])
            await client.query('commit')
            const answers = await Promise.all([
              client.query('select count(*)::int as n from notes'),
              client.query('begin'),
              client.query('select count(*)::int as n from notes'),
              client.query('commit'),
              client.query('select count(*)::int as n from notes'),
            ])
            expect(answers.map(({ rows: [row] }) => row?.n)).toEqual([3, undefined, 3, undefined, 3])
          })
        })
      })

      it('AND CHAIN is refused: the next transaction has no proof', async () => {
        await tenancy.run(a, () =>
          withClient(async client => {
            await client.query('begin')
            expect(await refusal(() => client.query('commit and chain'))).toBe('STATEMENT_REFUSED')
            await client.query('rollback')
          }),
        )
      })

      it('round trips: writes to the socket, once everything is prepared', async () => {
        let writes = 0
        class CountingSocket extends Socket {
          override _write(chunk: Buffer, encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
            writes += 1
            super._write(chunk, encoding, callback)
          }
          override _writev(
            chunks: { chunk: Buffer; encoding: BufferEncoding }[],
            done: (e?: Error | null) => void,
          ): void {
            writes += 1
            super._writev?.(chunks, done)
          }
        }
        const counted = openPool(bench.database, { max: 1, stream: () => new CountingSocket() })
        const own = tenancy.handle(isolation({}, counted))
        async function count(work: () => Promise<unknown>): Promise<number> {
          const from = writes
          await work()
          return writes - from
        }
        try {
          await tenancy.run(a, async () => {
            await own.query('select * from notes')
            const single = await count(() => own.query('select * from notes'))
            expect(single).toBe(mode === 'stamp' ? 1 : 2)
            const client = await own.connect()
            expect(await count(() => client.query('begin'))).toBe(1)
            expect(await count(() => client.query('select * from notes'))).toBe(1)
            expect(await count(() => client.query('select 2'))).toBe(1)
            expect(await count(() => client.query('commit'))).toBe(1)
            client.release()
          })
        } finally {
          await counted.end()
        }
      })

      it('Kysely, with and without a transaction', async () => {
        const db = new Kysely<{ notes: { id: number; body: string } }>({
          dialect: new PostgresDialect({ pool: rows as unknown as pg.Pool }),
        })
        await tenancy.run(a, async () => {
          await db.insertInto('notes').values({ id: 1, body: 'k' }).execute()
          await db.transaction().execute(trx => trx.updateTable('notes').set({ body: 'l' }).execute())
          expect(await db.selectFrom('notes').select('body').execute()).toEqual([{ body: 'l' }])
        })
        expect(await tenancy.run(b, () => db.selectFrom('notes').selectAll().execute())).toEqual([])
      })

      it('errors are those of the statement', async () => {
        await tenancy.run(a, async () => {
          await note()
          expect(await sqlState(note())).toBe('23505')
          expect(await sqlState(rows.query('select nonsense'))).toBe('42703')
          expect(await bodies()).toEqual(['a'])
        })
      })

      it('a long transaction keeps its proof, however much time passes', async () => {
        await tenancy.run(a, () =>
          withClient(async client => {
            await client.query('begin')
            await client.query(`insert into notes (id, body) values (1, 'early')`)
            const clock = performance.now.bind(performance)
            vi.spyOn(performance, 'now').mockImplementation(() => clock() + 30_000)
            expect(await bodies(client)).toEqual(['early'])
            await client.query('commit')
          }),
        )
      })

      it('the key is read again after a minute; while that fails, the old one goes on and it is logged', async () => {
        const logger = recorder()
        const shown = 'The vault is closed.'
        let reads = 0
        const sealKeys = () => {
          reads += 1
          if (reads > 1) throw new Error(shown)
          return bench.key
        }
        const own = tenancy.handle(isolation({ logger, sealKeys }, moved))
        await tenancy.run(a, () => own.query('select * from notes'))
        const clock = performance.now.bind(performance)
        const later = vi.spyOn(performance, 'now').mockImplementation(() => clock() + 61_000)
        await tenancy.run(a, () => own.query('select * from notes'))
        await vi.waitFor(() =>
          expect(logger.records.map(({ message }) => message)).toEqual(['The sealing key could not be read again.']),
        )
        expect(reads).toBe(2)
        await tenancy.run(a, () => own.query('select * from notes'))
        expect(reads).toBe(2)
        later.mockImplementation(() => clock() + 122_000)
        await tenancy.run(a, () => own.query('select * from notes'))
        expect(reads).toBe(3)
        expect(JSON.stringify(logger.records)).not.toContain(bench.key.bytes.toString())
      })

      it('rotation: another key beside the old one, switched without a pause; without the old one its tokens are refused', async () => {
        const next = testKey(2)
        const old = testKey(7)
        await bench.setKey(old)
        await bench.setKey(next)
        let current = old
        const own = tenancy.handle(isolation({ sealKeys: async () => current }, moved))
        await tenancy.run(a, () => own.query('select * from notes'))
        current = next
        const clock = performance.now.bind(performance)
        vi.spyOn(performance, 'now').mockImplementation(() => clock() + 61_000)
        await tenancy.run(a, () => own.query('select * from notes'))
        await new Promise(resolve => setTimeout(resolve, 10))
        const gone = removeSealKeyStatement(old.id)
        const admin = await connect(bench.database.adminUrl)
        await admin.query(gone.text, [...gone.values])
        await admin.end()
        await tenancy.run(a, () => own.query('select * from notes'))
        const stale = tenancy.handle(isolation({ sealKeys: () => old, onUnsafe: 'report' }, moved))
        await expect(tenancy.run(a, () => stale.query('select * from notes'))).rejects.toThrow(broken)
      })

      it.each([
        ['another key under the same id', () => testKey(1)],
        ['an id that the database does not know', () => testKey(200)],
      ])('%s: ready refuses, and served all the same nothing is read', async (_, make) => {
        const wrong = make()
        const strict = isolation({ sealKeys: () => wrong })
        await expect(strict.ready()).rejects.toThrow(/R13 table tenancy.seal_key/)
        const loose = tenancy.handle(isolation({ sealKeys: () => wrong, onUnsafe: 'report' }))
        await expect(tenancy.run(a, () => loose.query('select * from notes'))).rejects.toThrow(broken)
        expect(await sqlState(tenancy.run(a, () => loose.query('select * from notes')))).toBe('42501')
      })

      it.each([
        ['too short', { id: 1, secret: secret('k'.repeat(31)) }],
        ['too long', { id: 1, secret: secret('k'.repeat(65)) }],
        ['an id of more than a byte', { id: 256, secret: secret('k'.repeat(40)) }],
        ['no whole id', { id: 1.5, secret: secret('k'.repeat(40)) }],
      ])('a key that is %s: CONFIG_INVALID, and nothing shows it', async (_, bad) => {
        const failure: unknown = await isolation({ sealKeys: () => bad })
          .ready()
          .catch((error: unknown) => error)
        expect(failure).toBeInstanceOf(TenancyError)
        expect((failure as TenancyError).code).toBe('CONFIG_INVALID')
        expect(`${inspect(failure, { depth: 9 })}${JSON.stringify(failure)}`).not.toContain('kkkk')
        expect(() => checkedKey(bad)).toThrow(/sealing key/)
      })

      it('a key source that fails at the start refuses the start with its error', async () => {
        const sealKeys = () => Promise.reject(new Error('The vault is closed.'))
        await expect(isolation({ sealKeys }).ready()).rejects.toThrow('The vault is closed.')
      })

      it('a catalogue that takes longer to read than a stamp holds is not taken for a wrong key', async () => {
        const proxy = await startFaultProxy({ target: bench.database.runtimeUrl })
        const slow = openPool({ runtimeUrl: proxy.url(bench.database.runtimeUrl) }, { max: 1 })
        try {
          const rule = proxy.rule({
            on: 'frontend',
            message: 'any',
            match: bytes => bytes.includes('lo_compat_privileges'),
            nth: 1,
            fault: { delay: 2500 },
          })
          expect(await isolation({}, slow).verify()).toEqual([])
          expect(rule.struck).toBe(1)
        } finally {
          await slow.end()
          await proxy.close()
        }
      })

      it('neither isolation, statement nor token shows the key', async () => {
        const statement = sealKeyStatement(bench.key)
        const text = bench.key.bytes.toString()
        const padded = Buffer.from(bench.key.bytes.map(byte => byte ^ 0x36)).toString('hex')
        const shown = [isolation(), statement, bench.options, rows]
          .map(
            thing =>
              `${inspect(thing, { depth: 12, showHidden: false })}${JSON.stringify(thing) ?? ''}${String(thing)}`,
          )
          .join('\n')
        expect(shown).not.toContain(text)
        expect(shown.replaceAll(' ', '')).not.toContain(padded.slice(0, 20))
        expect(statement.values).toHaveLength(3)
      })

      it('a database without the seal, or with unsealed tables: ready says what is missing', async () => {
        const bare = await server.freshDatabase()
        await execute(bare.ownerUrl, 'create table notes (id int)')
        const other = openPool(bare)
        try {
          const failure = await isolation({}, other)
            .ready()
            .catch((error: Error) => error)
          expect(failure?.message).toMatch(/R13 function tenancy.current_tenant\(\): is missing/)
          expect(failure?.message).toMatch(/R13 table tenancy.seal_key: is missing/)
        } finally {
          await other.end()
        }
      })

      it('the role with its password and without the key reads nothing', async () => {
        await tenancy.run(a, () => note())
        const thief = await connect(bench.database.runtimeUrl)
        try {
          expect((await thief.query('select * from notes')).rows).toEqual([])
          await thief.query('begin')
          await thief.query(`set local tenantry.tenant_id = 'a'`)
          expect(await sqlState(thief.query('select * from notes'))).toBe('42501')
          await thief.query('rollback')
          for (const text of ['table tenancy.seal_key', 'set role tenantry_seal', 'create temp table t (i int)'])
            expect(await sqlState(thief.query(text))).toBe('42501')
        } finally {
          await thief.end()
        }
      })
    })

    describe.skipIf(server.bouncer)('installation', () => {
      it('twice, in other modes, with names that need quotes, by an administrator who is no superuser', async () => {
        const database = await server.freshDatabase()
        const name = `O'Brien "$$ %I" ${randomBytes(3).toString('hex')}`
        const quoted = quoteIdentifier(name)
        const runtime = quoteIdentifier(`${name} rt`)
        await execute(
          database.adminUrl,
          `create role ${quoted} createrole login password 'secret'`,
          `create role ${runtime}`,
          `alter database ${quoteIdentifier(database.name)} owner to ${quoted}`,
        )
        const url = new URL(database.adminUrl)
        url.username = encodeURIComponent(name)
        url.password = 'secret'
        const ownerRole = `${name} seal`
        try {
          for (const mode of ['challenge', 'stamp', 'stamp'] as const) {
            const options = { mode, ownerRole, runtimeRole: `${name} rt`, tableOwner: name, schema: `Seal's "$x$"` }
            await execute(url.href, ...installSeal(options))
            const { rows } = await execute(
              database.adminUrl,
              `select prosrc, pg_get_userbyid(proowner) as owner, pg_has_role('${name.replaceAll("'", "''")}', proowner, 'USAGE') as admin_uses
                 from pg_proc where proname = 'current_tenant'`,
            )
            expect(rows).toEqual([{ prosrc: verifierSource(options), owner: ownerRole, admin_uses: false }])
          }
        } finally {
          await database.drop()
          const postgres = database.adminUrl.replace(`/${database.name}`, '/postgres')
          await execute(postgres, ...[quoteIdentifier(ownerRole), runtime, quoted].map(role => `drop role ${role}`))
        }
      })

      it('in many databases of a cluster at once: the role that owns the seals is theirs together', async () => {
        const databases = await Promise.all([1, 2, 3, 4].map(() => server.freshDatabase()))
        const ownerRole = `seal_${randomBytes(4).toString('hex')}`
        await Promise.all(
          databases.map(({ adminUrl, runtimeRole, ownerRole: tableOwner }) =>
            execute(adminUrl, ...installSeal({ mode: 'stamp', runtimeRole, tableOwner, ownerRole })),
          ),
        )
      })
    })

    describe('stamp and the clock', () => {
      let bench: SealedBench
      let client: pg.Client
      beforeAll(async () => {
        bench = await sealedBench(server, 'stamp')
        await bench.admin(`insert into notes values (1, 'of a', 'a')`)
      })
      beforeEach(async () => {
        client = await connect(bench.database.runtimeUrl)
      })
      afterEach(async () => {
        vi.restoreAllMocks()
        await client.end()
      })

      const second = 1_000_000n
      it.each([
        ['over', { from: -9n * second, to: -1n * second }],
        ['not there yet', { from: 1n * second, to: 9n * second }],
        ['inside out', { from: 2n * second, to: -2n * second }],
      ])('a window that is %s is an error, never "no rows"', async (_, window) => {
        await client.query('begin')
        const token = await tokenFor(client, 'stamp', bench.key, 'a', window)
        await client.query(
          `select set_config('tenantry.tenant_id', 'a', true), set_config('tenantry.seal', $1, true)`,
          [token],
        )
        await expect(client.query('select * from notes')).rejects.toThrow(broken)
      })

      it('the window holds to the microsecond at both ends', async () => {
        await client.query('begin')
        const token = await tokenFor(client, 'stamp', bench.key, 'a', { from: 0n, to: 0n })
        await client.query(
          `select set_config('tenantry.tenant_id', 'a', true), set_config('tenantry.seal', $1, true)`,
          [token],
        )
        expect((await client.query('select * from notes')).rowCount).toBe(1)
      })

      it('a clock of ours that jumps is noticed within a minute: the server is asked again', async () => {
        const pool = openPool(bench.database, { max: 1 })
        const rows = tenancy.handle(pgRls({ pool, logger: recorder(), ...bench.options }))
        try {
          await tenancy.run(a, () => rows.query('select * from notes'))
          const clock = performance.now.bind(performance)
          const jump = vi.spyOn(performance, 'now').mockImplementation(() => clock() + 30_000)
          await expect(tenancy.run(a, () => rows.query('select * from notes'))).rejects.toThrow(broken)
          jump.mockImplementation(() => clock() + 61_000)
          expect((await tenancy.run(a, () => rows.query('select * from notes'))).rowCount).toBe(1)
        } finally {
          await pool.end()
        }
      })
    })
  },
  { through: ['direct', 'pgbouncer'] },
)
