import { startFaultProxy } from '@tenantry/servers'
import { describePostgres, type PostgresForTests } from '@tenantry/servers/vitest'
import pg from 'pg'
import { beforeAll, describe, expect, it } from 'vitest'
import { type SessionStatePolicy, scopedPool, type TenantPool } from '../src/index.ts'
import {
  acme,
  backend,
  Cursor,
  failure,
  globex,
  leased,
  refusal,
  scope,
  type TestDatabase,
  turn,
  useDatabase,
} from './support.ts'
import { createTap } from './tap.ts'

/** How to leave something in a session: as a statement, where there is one that is not refused, and as the body of a block. */
interface Kind {
  readonly direct?: readonly string[]
  readonly block: string
  /** A condition that is true for whoever sees it. */
  readonly seen: string
}

const kinds: Readonly<Record<string, Kind>> = {
  'a setting (R12)': {
    direct: ["select set_config('app.poison', 'acme', false)"],
    block: "perform set_config('app.poison', 'acme', false)",
    seen: "coalesce(current_setting('app.poison', true), '') <> ''",
  },
  'a search path (finding 7)': {
    direct: ["select set_config('search_path', 'pg_temp, public', false)"],
    block: "set search_path = 'pg_temp', 'public'",
    seen: "current_setting('search_path') like '%pg_temp%'",
  },
  'a time limit (finding 7)': {
    direct: [
      "select set_config('statement_timeout', '54321', false)",
      "update pg_settings set setting = '54321' where name = 'statement_timeout'",
    ],
    block: 'set statement_timeout = 54321',
    seen: "current_setting('statement_timeout') = '54321ms'",
  },
  'an advisory lock (R25)': {
    direct: [
      'select pg_advisory_lock(7)',
      'select pg_try_advisory_lock(7)',
      'select pg_advisory_lock_shared(7, 7), pg_advisory_lock_shared(7, 7)',
    ],
    block: 'perform pg_advisory_lock(7)',
    seen: "exists (select from pg_locks where locktype = 'advisory' and pid = pg_backend_pid())",
  },
  'a channel that it listens to (R25)': {
    block: "execute 'listen orders'",
    seen: 'exists (select from pg_listening_channels())',
  },
  'a temporary table that shadows one (R26)': {
    direct: [
      'select 1 as id into temp plain',
      'select 1 as id into table pg_temp.plain',
      'explain analyze create temp table plain as select 1',
    ],
    block: 'create temp table plain (id int)',
    seen: "to_regclass('pg_temp.plain') is not null or 'plain'::regclass <> 'public.plain'::regclass",
  },
  'a held cursor (R27)': {
    block: "execute 'declare kept cursor with hold for select text from notes'",
    seen: "exists (select from pg_cursors where name = 'kept')",
  },
  'a statement prepared by SQL (R27)': {
    block: "execute 'prepare kept as select text from notes'",
    seen: 'exists (select from pg_prepared_statements where from_sql)',
  },
}

const inTransaction = (text: string, end: string) => (pool: TenantPool) =>
  leased(pool, async lease => {
    for (const part of ['begin', text, end]) await lease.query(part)
  })

/** The ways to run a text so that it does its worst. */
const ways: Readonly<Record<string, (text: string) => (pool: TenantPool) => Promise<unknown>>> = {
  'in a single statement': text => pool => pool.query(text),
  'in a lease': text => pool => leased(pool, lease => lease.query(text)),
  'in a transaction': text => inTransaction(text, 'commit'),
  'in a transaction that is rolled back': text => inTransaction(text, 'rollback'),
  'in front of a savepoint that is rolled back': text => pool =>
    leased(pool, async lease => {
      for (const part of ['begin', 'savepoint s', text, 'rollback to s', 'commit']) await lease.query(part)
    }),
  'in a transaction that fails': text => pool =>
    leased(pool, async lease => {
      for (const part of ['begin', text]) await lease.query(part)
      await failure(lease.query('select 1/0'))
      await lease.query('rollback')
    }),
}

interface StateBench {
  readonly pool: pg.Pool
  readonly acme: TenantPool
  readonly globex: TenantPool
  readonly tap: ReturnType<typeof createTap>
}

function useBench(server: PostgresForTests, db: TestDatabase) {
  beforeAll(async () => {
    const owner = new pg.Client(db.database.ownerUrl)
    await owner.connect()
    for (const [at, { block }] of Object.values(kinds).entries()) {
      await owner.query(`create function keep_${at}() returns void language plpgsql as $f$ begin ${block}; end $f$`)
    }
    await owner.query(`
      create function keep_zone() returns void language sql as $$ select set_config('TimeZone', 'Asia/Tokyo', false) $$;
      create table numbered (id serial, text text);
      grant all on numbered, numbered_id_seq to ${db.database.runtimeRole};
      grant create, temporary on database ${new URL(db.database.ownerUrl).pathname.slice(1)} to ${db.database.runtimeRole}`)
    await owner.end()
  })
  /** One connection, two tenants. */
  return async function withBench<T>(
    options: { readonly sessionState?: SessionStatePolicy } & pg.PoolConfig,
    work: (bench: StateBench) => Promise<T>,
  ): Promise<T> {
    const { sessionState, ...config } = options
    const tap = createTap()
    const pool = new pg.Pool({ connectionString: db.database.runtimeUrl, max: 1, stream: tap.stream, ...config })
    const scoped = scopedPool({
      pool,
      scope,
      namedStatements: server.namedStatements,
      ...(sessionState === undefined ? {} : { sessionState }),
    })
    try {
      return await work({ pool, tap, acme: scoped.handle(() => acme), globex: scoped.handle(() => globex) })
    } finally {
      await pool.end()
    }
  }
}

async function expectUnseen({ globex: next }: StateBench, seen: string): Promise<void> {
  expect((await next.query(`select ${seen} as seen`)).rows).toEqual([{ seen: false }])
  await leased(next, async lease => {
    expect((await lease.query(`select ${seen} as seen`)).rows).toEqual([{ seen: false }])
  })
}

describePostgres('state that a session keeps', server => {
  const db = useDatabase(server)
  const withBench = useBench(server, db)

  for (const [at, [name, { direct = [], block, seen }]] of Object.entries(kinds).entries()) {
    const called = `select keep_${at}()`
    describe(`${name}: the next tenant on the connection sees nothing of it`, () => {
      for (const [way, use] of Object.entries(ways)) {
        it.each([...direct, `do $$ begin ${block}; end $$`])(`${way}: %s`, text =>
          withBench({}, async bench => {
            await use(text)(bench.acme)
            await expectUnseen(bench, seen)
          }),
        )
        it(`${way}, in a function, with sessionState: 'always'`, () =>
          withBench({ sessionState: 'always' }, async bench => {
            await use(called)(bench.acme)
            await expectUnseen(bench, seen)
          }))
      }

      it('a statement that fails when it has left it', () =>
        withBench({}, async bench => {
          await failure(bench.acme.query(`do $$ begin ${block}; perform 1/0; end $$`))
          await expectUnseen(bench, seen)
        }))

      it('a function is not looked into by sessionState: detect, which this shows', () =>
        withBench({ sessionState: 'detect' }, async bench => {
          await bench.acme.query(called)
          // 18 reports the search path to its clients by itself.
          const { rows } = await bench.globex.query(
            "select current_setting('server_version_num')::int >= 180000 as reports",
          )
          const told = name.startsWith('a search path') && rows[0].reports
          expect((await bench.globex.query(`select ${seen} as seen`)).rows).toEqual([{ seen: !told }])
        }))

      it('a procedure', () =>
        withBench({}, async bench => {
          const owner = new pg.Client(db.database.ownerUrl)
          await owner.connect()
          await owner.query(`create or replace procedure keeping() language sql as $$ select keep_${at}() $$`)
          await owner.end()
          await bench.acme.query('call keeping()')
          await expectUnseen(bench, seen)
        }))
    })
  }

  it('a setting that the server reports is detected wherever it was set', () =>
    withBench({}, async bench => {
      const [before] = (await bench.globex.query('show timezone')).rows
      await bench.acme.query('select keep_zone()')
      expect((await bench.globex.query('show timezone')).rows).toEqual([before])
    }))

  it('a role is given up, and the one of the connection is taken again', () =>
    withBench({ options: `-c role=${db.database.runtimeRole}` }, async bench => {
      await bench.acme.query("select set_config('role', 'none', false)")
      const { rows } = await bench.globex.query("select current_setting('role') as role")
      expect(rows).toEqual([{ role: db.database.runtimeRole }])
    }))

  it.each(['select setseed(0.5)', "do $$ begin execute 'prepare p as select 1'; end $$"])(
    'what no reset clears costs the connection: %s',
    text =>
      withBench({}, async bench => {
        const pid = await backend(bench.acme)
        await bench.acme.query(text)
        expect(await backend(bench.globex)).not.toBe(pid)
      }),
  )

  it('a cursor over a statement that leaves state costs the connection', () =>
    withBench({}, async bench => {
      await leased(bench.acme, async lease => {
        await lease.query('begin')
        await lease.query(new Cursor('select pg_advisory_lock(9)')).read(2)
        await lease.query('commit')
      })
      await expectUnseen(bench, kinds['an advisory lock (R25)']?.seen ?? '')
    }))

  it('a descriptor of a large object ends with its transaction (R25)', () =>
    withBench({}, async bench => {
      await leased(bench.acme, async lease => {
        await lease.query('begin')
        const { rows } = await lease.query("select lo_from_bytea(0, 'acme') as id")
        expect((await lease.query('select lo_open($1, 262144) as descriptor', [rows[0].id])).rows).toEqual([
          { descriptor: 0 },
        ])
        await lease.query('commit')
      })
      expect((await failure(bench.globex.query('select loread(0, 10)'))).code).toBe('42704')
    }))

  describe('the last value of a sequence', () => {
    const undefinedInSession = '55000'
    const insert = 'insert into numbered (text) values ($1)'

    it('is not that of the tenant before, in a statement, a lease or a transaction', () =>
      withBench({}, async bench => {
        for (const text of ['select lastval()', "select currval('numbered_id_seq')", 'select U&"lastval"()']) {
          await bench.acme.query(insert, ['x'])
          expect((await failure(bench.globex.query(text))).code, text).toBe(undefinedInSession)
          await bench.acme.query(insert, ['x'])
          await leased(bench.globex, async lease => {
            expect((await failure(lease.query(text))).code, text).toBe(undefinedInSession)
          })
          await bench.acme.query(insert, ['x'])
          await leased(bench.globex, async lease => {
            await lease.query('begin read only isolation level serializable')
            expect((await failure(lease.query(text))).code, text).toBe(undefinedInSession)
            await lease.query('rollback')
          })
        }
      }))

    it('is one’s own within a lease, with a transaction and without', () =>
      withBench({}, async bench => {
        await bench.acme.query(insert, ['x'])
        for (const [begin, end] of [
          ['select 1', 'select 1'],
          ['begin', 'commit'],
        ] as const) {
          await leased(bench.globex, async lease => {
            await lease.query(begin)
            const { rows } = await lease.query(`${insert} returning id`, ['y'])
            expect((await lease.query('select lastval()::int as id')).rows).toEqual(rows)
            await lease.query(end)
            expect((await lease.query('select lastval()::int as id')).rows).toEqual(rows)
          })
        }
      }))
  })

  describe('its reset', () => {
    const leave = "select set_config('app.poison', 'acme', false) as set"

    it('is not awaited by the caller, is one write, and comes before anybody else', () =>
      withBench({}, async ({ pool, acme: first, tap }) => {
        await pool.query('select 1')
        tap.reset()
        expect((await first.query(leave)).rows).toEqual([{ set: 'acme' }])
        expect(tap.received().filter(type => type === 'Z')).toHaveLength(1)
        const { rows } = await pool.query("select current_setting('app.poison', true) as set")
        expect(rows).toEqual([{ set: '' }])
        expect(
          tap
            .sent()
            .filter(({ type }) => type === 'Sync' || type === 'Query')
            .map(({ type }) => type),
        ).toEqual(['Sync', 'Query', 'Query'])
        expect(tap.writes).toHaveLength(3)
      }))

    it('is not done after plain DML, alone or in a transaction', () =>
      withBench({}, async ({ pool, acme: first, tap }) => {
        const texts = [
          "insert into plain values (1, 'x')",
          "update plain set text = 'y'",
          'delete from plain',
          'select 1',
        ]
        for (const text of texts) await first.query(text)
        await leased(first, async lease => {
          for (const text of ['begin', ...texts, 'savepoint s', "set local statement_timeout = '9s'", 'commit'])
            await lease.query(text)
        })
        expect(tap.sent().filter(({ type }) => type === 'Query')).toEqual([])
        await turn()
        expect(pool.idleCount).toBe(1)
      }))

    it('keeps what the connection was opened with, and the names of statements', () =>
      withBench(
        { options: '-c app.host=yes -c statement_timeout=54321', application_name: 'the host', max: 1 },
        async ({ pool, acme: first, globex: next }) => {
          const text = `select pg_backend_pid() as pid, current_setting('app.host') as host, current_setting('application_name') as name,
            current_setting('statement_timeout') as timeout, current_setting('client_encoding') as encoding`
          const named = { name: 'named', text }
          const before = [(await first.query(named)).rows, (await pool.query(named)).rows]
          await first.query(leave)
          await first.query(
            "do $$ begin set statement_timeout = 1; set application_name = 'x'; set app.host = 'no'; end $$",
          )
          expect([(await next.query(named)).rows, (await pool.query(named)).rows]).toEqual(before)
          expect(before[0]?.[0]).toMatchObject({ host: 'yes', name: 'the host', timeout: '54321ms', encoding: 'UTF8' })
        },
      ))

    it('is a new connection where a hook sets connections up, once for all statements of plain DML', () =>
      withBench({}, async ({ pool, acme: first, globex: next }) => {
        pool.on('connect', client => void client.query("set timezone = 'Asia/Tokyo'; set app.host = 'yes'"))
        const pid = await backend(first)
        expect(await backend(next)).toBe(pid)
        await first.query(leave)
        const text =
          "select pg_backend_pid() as pid, current_setting('app.host') as host, current_setting('timezone') as zone"
        const { rows } = await next.query(text)
        expect(rows).toEqual([{ pid: expect.any(Number), host: 'yes', zone: 'Asia/Tokyo' }])
        expect(rows[0].pid).not.toBe(pid)
      }))

    it('that fails costs the connection, and nobody hears of it', async () => {
      const proxy = await startFaultProxy({ target: db.database.runtimeUrl })
      try {
        await withBench({ connectionString: proxy.url(db.database.runtimeUrl) }, async bench => {
          const pid = await backend(bench.acme)
          // Only the reset is a simple Query.
          proxy.rule({ on: 'frontend', message: 'Query', nth: 1, fault: 'reset' })
          expect((await bench.acme.query(leave)).rows).toEqual([{ set: 'acme' }])
          await expectUnseen(bench, "coalesce(current_setting('app.poison', true), '') <> ''")
          expect(await backend(bench.globex)).not.toBe(pid)
        })
      } finally {
        await proxy.close()
      }
    })

    it('lets pool.end() come to its end', () => withBench({}, ({ acme: first }) => first.query(leave)))
  })

  it('an unknown policy is refused', () =>
    withBench({}, async ({ pool }) => {
      const sessionState = 'never' as SessionStatePolicy
      expect(await refusal(() => scopedPool({ pool, scope, sessionState }))).toBe('CONFIG_INVALID')
    }))
})

describePostgres(
  'state that a session would keep, refused',
  server => {
    const db = useDatabase(server)
    const withBench = useBench(server, db)

    for (const [name, { direct = [], block, seen }] of Object.entries(kinds)) {
      describe(`${name} (R40): STATEMENT_REFUSED, and nothing is sent`, () => {
        for (const [way, use] of Object.entries(ways)) {
          it.each([...direct, `do $$ begin ${block}; end $$`])(`${way}: %s`, text =>
            withBench({ sessionState: 'refuse' }, async bench => {
              expect(await refusal(use(text)(bench.acme))).toBe('STATEMENT_REFUSED')
              expect(bench.tap.sent().filter(message => message.text === text)).toEqual([])
              await expectUnseen(bench, seen)
            }),
          )
        }
        it.each(direct)('as a cursor: %s', text =>
          withBench({ sessionState: 'refuse' }, ({ acme: first }) =>
            leased(first, async lease => {
              await lease.query('begin')
              expect(await refusal(() => lease.query(new Cursor(text)))).toBe('STATEMENT_REFUSED')
              await lease.query('rollback')
            }),
          ),
        )
      })
    }

    it('plain DML, DDL, transactions, xact locks and SET LOCAL work', () =>
      withBench({ sessionState: 'refuse' }, async ({ acme: first, tap }) => {
        await leased(first, async lease => {
          const ddl = ['create schema mine', 'create table mine.t (id int)', 'drop schema mine cascade']
          const rest = ['select pg_advisory_xact_lock(7)', "set local statement_timeout = '9s'", 'select * from notes']
          for (const text of ['begin', ...rest, ...ddl, 'commit']) await lease.query(text)
        })
        expect(tap.sent().filter(({ type }) => type === 'Query')).toEqual([])
      }))

    it('the last value of a sequence is not that of the tenant before', () =>
      withBench({ sessionState: 'refuse' }, async ({ acme: first, globex: next }) => {
        await first.query("insert into numbered (text) values ('x')")
        expect((await failure(next.query('select lastval()'))).code).toBe('55000')
        await leased(next, async lease => {
          await lease.query('begin')
          expect((await failure(lease.query('select lastval()'))).code).toBe('55000')
          await lease.query('rollback')
        })
      }))
  },
  { through: ['direct', 'pgbouncer'] },
)
