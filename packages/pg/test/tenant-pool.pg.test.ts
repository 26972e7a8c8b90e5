import { describePostgres } from '@tenantry/servers/vitest'
import pg from 'pg'
import { describe, expect, it } from 'vitest'
import type { TenantPool } from '../src/index.ts'
import { scopedPool } from '../src/index.ts'
import { acme, createBench, failure, globex, leased, refusal, scope, turn, useDatabase, whoAmI } from './support.ts'

type Queryable = Pick<pg.Pool, 'query'>
/** `query` without its overloads, for forms that its types leave out. */
type AnyQuery = (...args: unknown[]) => unknown

const shout: pg.CustomTypesConfig = { getTypeParser: () => (value: unknown) => `${value}!` }

/** Each is run on a plain pg.Pool and on a tenant's, and must give the same. */
const statements: Readonly<Record<string, (on: Queryable) => Promise<unknown>>> = {
  text: on => on.query('select 1 as one, null as nothing, true as yes'),
  'text and values': on => on.query('select $1::int + $2::int as sum', [1, 2]),
  config: on => on.query({ text: 'select now() - now() as nothing' }),
  'config with values': on => on.query({ text: 'select $1::jsonb as data', values: [{ a: [1] }] }),
  'config, values': on => on.query({ text: 'select $1::text as v' }, ['x']),
  'config and values, of which those beside win': on =>
    on.query({ text: 'select $1::text as v', values: ['y'] }, ['x']),
  'null instead of values': on => (on.query as AnyQuery)('select 1 as v', null) as Promise<unknown>,
  'all kinds of values': on =>
    on.query(
      'select $1::timestamptz as a, $2::text[] as b, $3::bytea as c, $4::text as d, $5::bool as e, $6::int8 as f',
      [new Date(0), ['x', null, 'y"'], Buffer.from([0, 1, 255]), undefined, false, 9007199254740993n],
    ),
  'a value with toPostgres, not in the first place': on =>
    on.query('select $1::text as a, $2::text as b', [
      'x',
      { toPostgres: (prepare: (v: unknown) => unknown) => prepare([1]) },
    ]),
  'rows as arrays': on => on.query({ text: 'select 1 as a, 2 as a', rowMode: 'array' }),
  'two columns of one name': on => on.query('select 1 as a, 2 as a'),
  'types of one’s own': on => on.query({ text: 'select 1 as a', types: shout }),
  // With a value, without which pg falls back to the simple protocol and so to text.
  binary: on => on.query({ text: 'select $1::int as a', values: [7], binary: true } as pg.QueryConfig),
  'a name': on => on.query({ name: 'one', text: 'select $1::int as v', values: [1] }),
  'an empty name': on => on.query({ name: '', text: 'select 1 as v' }),
  'an empty statement': on => on.query(''),
  'a comment': on => on.query('-- nothing'),
  'a statement without columns': on => on.query('select'),
  'a row without columns': on => on.query('select from generate_series(1, 3)'),
  'no row': on => on.query('select 1 as v where false'),
  insert: on => on.query("insert into plain (id, text) values (1, 'x')"),
  'insert … returning': on => on.query("insert into plain (id, text) values (1, 'x'), (2, 'y') returning id, text"),
  'update nothing': on => on.query('update plain set text = $1 where false', ['x']),
  'delete, with a semicolon': on => on.query('delete from plain;'),
  with: on => on.query("with i as (insert into plain values (1, 'x') returning *) select * from i"),
  'a syntax error': on => on.query('selec 1'),
  'an error at execution': on => on.query('select 1 / $1::int', [0]),
  'an error in the middle of rows': on => on.query('select 1 / (3 - g) from generate_series(1, 5) g'),
  'an error at Sync': on => on.query('insert into deferred values (1)'),
  'a unique violation': on => on.query('insert into plain (id) values (1), (1)'),
  'a bad value': on => on.query('select $1::int', ['x']),
  'a value too few': on => on.query('select $1::int, $2::int', [1]),
  'a value too many': on => on.query('select 1', [1]),
  'several statements with values': on => on.query('select $1::int; select 2', [1]),
  'a table that is not there': on => on.query('select * from nowhere'),
  'a table that may not be read': on => on.query('select * from secret'),
  'an exception that only looks like a lost connection': on =>
    on.query("do $$ begin raise exception 'x' using errcode = '08006'; end $$"),
  'an unknown name': on => on.query({ name: 'two', text: 'select nothing' }),
  'a name used for another statement': async on => {
    await on.query({ name: 'taken', text: 'select 1' })
    return on.query({ name: 'taken', text: 'select 2' })
  },
  'a named statement again and again, its description kept': async on => {
    const results: unknown[] = []
    for (const v of [1, 2, 3])
      results.push(plain(await on.query({ name: 'again', text: 'select $1::int as v', values: [v] })))
    results.push(plain(await on.query({ name: 'again', text: 'select $1::int as v', values: [4], rowMode: 'array' })))
    results.push(plain(await on.query({ name: 'again', text: 'select $1::int as v', values: [5], types: shout })))
    return results
  },
  'a named statement without columns, again': async on => {
    const results: unknown[] = []
    for (const id of [1, 2]) {
      results.push(plain(await on.query({ name: 'insert', text: 'insert into plain (id) values ($1)', values: [id] })))
    }
    return results
  },
  'a named statement whose Parse fails, then its name again': async on => {
    const first = await outcome(on.query({ name: 'failing', text: 'select * from nowhere' }))
    const second = await outcome(on.query({ name: 'failing', text: 'select * from nowhere' }))
    const third = await outcome(on.query({ name: 'failing', text: 'select 1 as v' }))
    return [first, second, third]
  },
  'a named statement that fails at execution, again': async on => {
    const results: unknown[] = []
    for (const v of [0, 1]) {
      results.push(await outcome(on.query({ name: 'divide', text: 'select 1 / $1::int as v', values: [v] })))
    }
    return results
  },
  'binary and text results of one name': async on => {
    const config = { name: 'both', text: 'select 258 as v' }
    const results: unknown[] = []
    for (const binary of [true, false, true, false]) {
      results.push(plain(await on.query({ ...config, binary } as pg.QueryConfig)))
    }
    return results
  },
}

function plain({ command, rowCount, oid, rows, fields }: pg.QueryResult): unknown {
  return { command, rowCount, oid, rows, fields: fields.map(field => ({ ...field, tableID: undefined })) }
}

async function outcome(work: Promise<unknown>): Promise<unknown> {
  try {
    const result = await work
    return isResult(result) ? plain(result) : result
  } catch (error) {
    const { code, message } = error as pg.DatabaseError
    return { code, message }
  }
}

function isResult(value: unknown): value is pg.QueryResult {
  return typeof value === 'object' && value !== null && 'fields' in value
}

describePostgres('a tenant pool', server => {
  const db = useDatabase(server)

  async function reset(): Promise<void> {
    const admin = await db.connect()
    await admin.query(`
      delete from plain;
      create table if not exists secret ();
      create table if not exists deferred (id int references plain (id) deferrable initially deferred);
      grant insert on deferred to ${db.database.runtimeRole}`)
    await admin.end()
  }

  // Of the pool, the next statement may run on another connection: a transaction would be opened and lost.
  it.each([
    'begin',
    'start transaction',
    'commit',
    'rollback',
    'savepoint s',
    'set transaction read only',
    'set local work_mem = 64',
  ])('refuses a single %s, and opens no connection for it', async text => {
    const { acme: scoped, pool } = db.bench()
    expect(await refusal(scoped.query(text))).toBe('STATEMENT_REFUSED')
    expect(pool.totalCount).toBe(0)
  })

  describe('gives what a plain pg.Pool gives', () => {
    for (const [name, run] of Object.entries(statements)) {
      it(name, async () => {
        const { pool, acme: scoped } = db.bench()
        await reset()
        const expected = await outcome(run(pool))
        await reset()
        expect(await outcome(run(scoped))).toEqual(expected)
        // Whatever it was, the connection works for the next one, and the next one only.
        expect((await scoped.query(whoAmI)).rows).toEqual([{ tenant: 'acme' }])
        expect((await pool.query(whoAmI)).rows).toEqual([{ tenant: '' }])
      })
    }

    it('with binary results by default', async () => {
      const { pool, acme: scoped } = db.bench({ binary: true } as pg.PoolConfig)
      const config = { name: 'n', text: 'select 7 as a' }
      for (let time = 0; time < 2; time++) {
        expect(plain(await scoped.query(config))).toEqual(plain(await pool.query(config)))
      }
    })

    const forms: Readonly<Record<string, (on: { query: AnyQuery }, callback: unknown) => unknown>> = {
      '(text, callback)': (on, callback) => on.query('select 1 as v', callback),
      '(text, values, callback)': (on, callback) => on.query('select $1::int as v', [1], callback),
      '(config, callback)': (on, callback) => on.query({ text: 'select 1 as v' }, callback),
      '(config, values, callback)': (on, callback) => on.query({ text: 'select $1::int as v' }, [1], callback),
      'an error': (on, callback) => on.query('select 1/0', callback),
    }
    for (const [name, run] of Object.entries(forms)) {
      it(`to a callback: ${name}`, async () => {
        const { pool, acme: scoped } = db.bench()
        const call = (on: unknown) =>
          outcome(
            new Promise((resolve, reject) => {
              const returned = run(on as { query: AnyQuery }, (error: Error | undefined, result: unknown) =>
                error ? reject(error) : resolve(result),
              )
              expect(returned).toBeUndefined()
            }),
          )
        expect(await call(scoped)).toEqual(await call(pool))
        expect(await leased(scoped, call)).toEqual(await call(pool))
      })
    }
  })

  it('a named statement whose table gains a column fails once and then works, in a new shape', async () => {
    const { acme: scoped } = db.bench()
    const admin = await db.connect()
    await admin.query(`create table growing (a int); grant select on growing to ${db.database.runtimeRole}`)
    const config = { name: 'growing', text: 'select * from growing' }
    const names = async () => (await scoped.query(config)).fields.map(field => field.name)
    expect(await names()).toEqual(['a'])
    expect(await names()).toEqual(['a'])
    await admin.query('alter table growing add b int')
    expect((await failure(names)).code).toBe('0A000')
    expect(await names()).toEqual(['a', 'b'])
    expect(await names()).toEqual(['a', 'b'])
  })

  it('a statement that the server has forgotten is prepared again', async () => {
    const { pool, acme: scoped } = db.bench()
    await scoped.query(whoAmI)
    await pool.query('deallocate all')
    expect((await failure(scoped.query(whoAmI))).code).toBe('26000')
    expect((await scoped.query(whoAmI)).rows).toEqual([{ tenant: 'acme' }])
  })

  it('a named statement’s columns are those of one result, which its owner may change', async () => {
    const { acme: scoped, globex: other, tap } = db.bench()
    const config = { name: 'list', text: 'select tenant_id, text from notes' }
    for (let time = 0; time < 2; time++) {
      const { fields } = await scoped.query(config)
      expect(fields.map(({ name }) => name)).toEqual(['tenant_id', 'text'])
      Object.assign(fields[0] ?? {}, { name: 'changed' })
      fields.reverse()
      Object.assign(fields, { secret: 'of acme' })
    }
    const { rows, fields } = await other.query(config)
    expect(rows).toEqual([{ tenant_id: 'globex', text: 'of globex' }])
    expect(fields).not.toHaveProperty('secret')
    expect(tap.sockets).toHaveLength(1)
  })

  it('a named FETCH is read with the columns of its own cursor', async () => {
    const { acme: scoped, globex: other } = db.bench()
    async function fetch(pool: TenantPool, select: string): Promise<unknown[]> {
      return leased(pool, async lease => {
        await lease.query('begin')
        await lease.query(`declare c cursor for ${select}`)
        const { rows } = await lease.query({ name: 'fetch', text: 'fetch all from c' })
        await lease.query('commit')
        return rows
      })
    }
    expect(await fetch(scoped, 'select 1 as id, text from notes')).toEqual([{ id: 1, text: 'of acme' }])
    expect(await fetch(other, 'select tenant_id, text, 5 as five from notes')).toEqual([
      { tenant_id: 'globex', text: 'of globex', five: 5 },
    ])
    expect(await fetch(scoped, 'select text as one from notes')).toEqual([{ one: 'of acme' }])
  })

  it('a name can be any text, also one of the package’s own', async () => {
    const { acme: scoped } = db.bench()
    for (const name of ['scope', 'query n', 'n', '__proto__', 'tenantry_1', `scope ${whoAmI}`, 'x'.repeat(99)]) {
      for (let time = 0; time < 2; time++) {
        const { rows } = await scoped.query({
          name,
          text: `select ${pg.escapeLiteral(name)} as v, current_setting('app.tenant') as tenant`,
        })
        expect(rows).toEqual([{ v: name, tenant: 'acme' }])
      }
    }
  })

  describe('errors keep the caller’s stack', () => {
    async function whoCalled(on: Queryable, text: string): Promise<void> {
      await on.query(text)
    }
    it.each(['select 1/0', 'selec'])('%s', async text => {
      const { acme: scoped } = db.bench()
      const ofPool = await failure(whoCalled(scoped, text))
      const ofLease = await failure(leased(scoped, lease => whoCalled(lease as unknown as Queryable, text)))
      for (const { stack } of [ofPool, ofLease]) expect(stack).toContain('whoCalled')
      expect(ofPool).toBeInstanceOf(pg.DatabaseError)
    })
  })

  it('several statements in one text are refused by the server', async () => {
    const { acme: scoped } = db.bench()
    for (const text of ['select 1; select 2', "select 1; set app.tenant = 'globex'", 'select 1; commit; select 2']) {
      expect((await failure(scoped.query(text))).code).toBe('42601')
    }
    expect((await scoped.query(whoAmI)).rows).toEqual([{ tenant: 'acme' }])
  })

  describe('a value that cannot be prepared rejects, sends nothing and leaves the connection clean', () => {
    const cyclic: { self?: unknown } = {}
    cyclic.self = cyclic
    const values: Readonly<Record<string, unknown>> = {
      'toPostgres throws': {
        toPostgres() {
          throw new Error('not this one')
        },
      },
      'toPostgres throws no error': {
        toPostgres() {
          throw 'text'
        },
      },
      'a cycle': cyclic,
      'an array of a cycle': [cyclic],
    }
    for (const [name, value] of Object.entries(values)) {
      it(name, async () => {
        const { pool, acme: scoped, tap } = db.bench()
        await scoped.query(whoAmI)
        const [socket] = tap.sockets
        tap.reset()
        for (const config of [{ text: 'select $1' }, { name: 'n', text: 'select $1::text as v' }]) {
          await failure(scoped.query({ ...config, values: [value] }))
          await leased(scoped, lease => failure(lease.query({ ...config, values: [value] })))
        }
        expect(tap.writes).toEqual([])
        expect((await scoped.query({ name: 'n', text: 'select $1::text as v', values: ['x'] })).rows).toEqual([
          { v: 'x' },
        ])
        expect(tap.sockets).toEqual([socket])
        await turn()
        expect(pool.idleCount).toBe(1)
      })
    }
  })

  it('a value that sends a statement of its own while it is prepared does not mix the two', async () => {
    const { acme: scoped } = db.bench({ max: 2 })
    await leased(scoped, async lease => {
      let inner: Promise<pg.QueryResult> | undefined
      const value = {
        toPostgres() {
          inner ??= lease.query('select $1::text as v', ['inner'])
          return 'outer'
        },
      }
      const free = await scoped.connect()
      const nested = {
        toPostgres() {
          inner = free.query('select $1::text as v', ['inner'])
          return 'outer'
        },
      }
      for (const one of [value, nested]) {
        const { rows } = await lease.query('select $1::text as a, $2::text as b', ['a', one])
        expect(rows).toEqual([{ a: 'a', b: 'outer' }])
        expect((await inner)?.rows).toEqual([{ v: 'inner' }])
      }
      free.release()
    })
  })

  it('types that throw reject the statement, cold and warm, and nothing else', async () => {
    const { acme: scoped, tap } = db.bench()
    const thrower = (where: 'type' | 'value'): pg.CustomTypesConfig => ({
      getTypeParser() {
        if (where === 'type') throw new Error('of types')
        return () => {
          throw new Error('of types')
        }
      },
    })
    for (const where of ['type', 'value'] as const) {
      for (let time = 0; time < 2; time++) {
        const config = { name: 'n', text: 'select 1 as v', types: thrower(where) }
        expect((await failure(scoped.query(config))).message).toBe('of types')
        expect((await scoped.query({ name: 'n', text: 'select 1 as v' })).rows).toEqual([{ v: 1 }])
      }
    }
    expect(tap.sockets).toHaveLength(1)
  })

  it('a config is read once, so that what was checked is what is sent', async () => {
    const { acme: scoped } = db.bench()
    let reads = 0
    const config = {
      get text() {
        reads += 1
        return reads === 1 ? whoAmI : 'commit'
      },
    }
    expect((await scoped.query(config)).rows).toEqual([{ tenant: 'acme' }])
    expect(reads).toBe(1)
  })

  it('a scope’s values are taken when the statement is given, even if it waits and the scope uses its array again', async () => {
    const { pool } = db.bench()
    const shared = ['']
    const scoped = scopedPool({
      pool,
      scope: {
        settings: scope.settings,
        values(tenant) {
          shared[0] = tenant.id
          return shared
        },
      },
    })
    const names = ['a', 'b', 'c', 'd']
    const answers = await Promise.all(
      names.map(id => scoped.handle(() => ({ ...acme, id })).query({ name: 'n', text: whoAmI })),
    )
    expect(answers.map(({ rows }) => rows[0].tenant)).toEqual(names)
  })

  it.each([[['']], [['a\0b']], [[null]], [[undefined]], [[]], [['a', 'b']]])(
    'a scope that gives %j for one setting refuses the statement',
    async values => {
      const { pool, tap } = db.bench()
      const scoped = scopedPool({ pool, scope: { settings: scope.settings, values: () => values as string[] } })
      const handle = scoped.handle(() => acme)
      expect(await refusal(handle.query('select 1'))).toBe('ARGUMENT_INVALID')
      expect(await refusal(handle.connect())).toBe('ARGUMENT_INVALID')
      expect(tap.sockets).toEqual([])
    },
  )

  const malformed: readonly [string, unknown[]][] = [
    ['no text', [{ name: 'n' }]],
    ['null', [null]],
    ['a number', [5]],
    ['text that is no text', [{ text: { toString: () => 'select 1' } }]],
    ['a NUL in the text, after which the server reads no further', ['select 1\0\0\u0001X']],
    ['a name that is no text', [{ name: Symbol('n'), text: 'select 1' }]],
    ['a function', [() => 'select 1']],
    ['values that are an object', ['select 1', { length: 1 }]],
    ['values that are a text', ['select $1', 'x']],
  ]
  it.each(malformed)('%s is refused before anything is sent', async (_, args) => {
    const { acme: scoped, tap } = db.bench()
    expect(await refusal(() => (scoped.query as unknown as AnyQuery)(...args))).toBe('ARGUMENT_INVALID')
    expect(tap.sockets).toEqual([])
  })

  it('a callback that is no function is refused', async () => {
    const { acme: scoped } = db.bench()
    expect(await refusal(() => (scoped.query as unknown as AnyQuery)('select 1', [], 5))).toBe('ARGUMENT_INVALID')
  })

  describe('its end', () => {
    async function both(handle: TenantPool): Promise<string[]> {
      return [await refusal(handle.query('select 1')), await refusal(handle.connect())]
    }

    it('of a handle closes the handle, and no other', async () => {
      const { acme: scoped, globex, tap } = db.bench()
      const lease = await scoped.connect()
      await scoped.end()
      tap.reset()
      expect(await both(scoped)).toEqual(['SCOPE_CLOSED', 'SCOPE_CLOSED'])
      expect(await refusal(lease.query('select 1'))).toBe('SCOPE_CLOSED')
      expect(tap.writes).toEqual([])
      lease.release()
      expect((await globex.query(whoAmI)).rows).toEqual([{ tenant: 'globex' }])
    })

    it('of the isolation refuses everything, leases too', async () => {
      const { pool, tap } = db.bench()
      const isolation = scopedPool({ pool, scope })
      const handle = isolation.handle(() => acme)
      const lease = await handle.connect()
      await lease.query('begin')
      isolation.close()
      tap.reset()
      expect(await both(handle)).toEqual(['SCOPE_CLOSED', 'SCOPE_CLOSED'])
      expect(await refusal(lease.query('commit'))).toBe('SCOPE_CLOSED')
      expect(tap.writes).toEqual([])
      lease.release()
    })

    it('of the pg.Pool lets the statement that runs come to its end, and refuses the next', async () => {
      const { pool, acme: scoped } = db.bench()
      const running = scoped.query(whoAmI)
      const ended = pool.end()
      expect((await running).rows).toEqual([{ tenant: 'acme' }])
      await ended
      expect(await both(scoped)).toEqual(['SCOPE_CLOSED', 'SCOPE_CLOSED'])
    })
  })

  it('what was closed while a statement or a lease waits for its connection sends nothing', async () => {
    for (const close of ['isolation', 'handle'] as const) {
      const { pool, tap } = db.bench()
      const scoped = scopedPool({ pool, scope })
      const handle = scoped.handle(() => acme)
      const lease = await scoped.handle(() => globex).connect()
      const waiting = [refusal(handle.query('select 1')), refusal(handle.connect())]
      tap.reset()
      if (close === 'isolation') scoped.close()
      else await handle.end()
      lease.release()
      expect(await Promise.all(waiting)).toEqual(['SCOPE_CLOSED', 'SCOPE_CLOSED'])
      expect(tap.sent()).toEqual([])
      await turn()
      expect(pool.idleCount).toBe(1)
    }
  })

  it('a pool that ends refuses who waits for a connection', async () => {
    const { pool, acme: scoped, globex: other } = db.bench()
    const lease = await scoped.connect()
    const waiting = [refusal(other.query('select 1')), refusal(other.connect())]
    const ended = pool.end()
    lease.release()
    expect(await Promise.all(waiting)).toEqual(['SCOPE_CLOSED', 'SCOPE_CLOSED'])
    await ended
  })

  it('a pool that ends while its connection fails refuses who waits behind', async () => {
    const { pool, acme: scoped } = createBench('postgres://nobody@127.0.0.1:1/nothing')
    const waiting = [1, 2].map(() => refusal(scoped.query('select 1')))
    const ended = pool.end()
    expect(await Promise.all(waiting)).toEqual(['DATABASE_UNAVAILABLE', 'SCOPE_CLOSED'])
    await ended
    expect(pool.totalCount).toBe(0)
  })

  it('an error of the caller’s own code that cannot be changed comes as it is', async () => {
    const { acme: scoped } = db.bench()
    const own = Object.freeze(new Error('mine'))
    const types: pg.CustomTypesConfig = {
      getTypeParser() {
        throw own
      },
    }
    expect(await failure(scoped.query({ text: 'select 1', types }))).toBe(own)
    await leased(scoped, async lease => expect(await failure(lease.query({ text: 'select 1', types }))).toBe(own))
  })

  it('listeners are taken and never called: events of a pool hand out its connections', async () => {
    const { acme: scoped } = db.bench()
    const heard: unknown[] = []
    for (const event of ['connect', 'acquire', 'release', 'remove', 'error']) {
      expect(scoped.on(event, (...args: unknown[]) => void heard.push(args))).toBe(scoped)
    }
    await scoped.query('select 1')
    expect(heard).toEqual([])
  })

  it('reports the counts of the pool behind it', async () => {
    const { acme: scoped } = db.bench()
    const lease = await scoped.connect()
    const waiting = scoped.query('select 1')
    await Promise.resolve()
    expect([scoped.totalCount, scoped.idleCount, scoped.waitingCount]).toEqual([1, 0, 1])
    lease.release()
    await waiting
    expect([scoped.totalCount, scoped.idleCount, scoped.waitingCount]).toEqual([1, 1, 0])
  })

  it('without a tenant nothing is sent', async () => {
    const { pool, tap } = db.bench()
    const nobody = scopedPool({ pool, scope }).handle(() => {
      throw new Error('nobody')
    })
    expect((await failure(nobody.query('select 1'))).message).toBe('nobody')
    expect((await failure(nobody.connect())).message).toBe('nobody')
    expect(tap.sockets).toEqual([])
  })

  it('waits for the isolation to be ready, asks again after a failure, and sends nothing before', async () => {
    const { pool, tap } = db.bench()
    let times = 0
    const ready = async () => {
      times += 1
      if (times === 1) throw new Error('unsafe')
    }
    const handle = scopedPool({ pool, scope, ready }).handle(() => acme)
    expect((await failure(handle.query('select 1'))).message).toBe('unsafe')
    expect(tap.sockets).toEqual([])
    await handle.query('select 1')
    await handle.query('select 1')
    expect(times).toBe(2)
  })
})
