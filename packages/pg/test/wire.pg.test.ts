import { describePostgres } from '@tenantry/servers/vitest'
import type pg from 'pg'
import { expect, it } from 'vitest'
import { scopedPool } from '../src/index.ts'
import { acme, type Bench, scope, useDatabase, whoAmI } from './support.ts'
import type { FrontendMessage } from './tap.ts'

/** Messages without what only the first use of a statement needs. */
function shape(messages: readonly FrontendMessage[]): string {
  return messages
    .map(({ type, text, values }) => [type, text ?? values?.join()].filter(part => part !== undefined).join(' '))
    .join(' | ')
}

describePostgres('on the wire', server => {
  const db = useDatabase(server)
  const prefix = `Parse select where pg_catalog.set_config('app.tenant', $1, true) is null | Bind acme | Execute`
  const statements: readonly [string, pg.QueryConfig][] = [
    ['without a name', { text: 'select $1::text as v', values: ['x'] }],
    ['with a name', { name: 'by value', text: 'select $1::text as v', values: ['x'] }],
  ]

  /** What one statement costs. */
  async function count({ tap }: Bench, work: () => Promise<unknown>) {
    tap.reset()
    await work()
    return {
      writes: tap.writes.length,
      syncs: tap.sent().filter(({ type }) => type === 'Sync').length,
      ready: tap.received().filter(type => type === 'Z').length,
    }
  }
  const one = { writes: 1, syncs: 1, ready: 1 }

  it.each(statements)(
    'a single statement %s is one write and one ReadyForQuery, cold and warm',
    async (_, statement) => {
      const bench = db.bench()
      await bench.pool.query('select 1')
      for (const state of ['cold', 'warm', 'warm again']) {
        expect(await count(bench, () => bench.acme.query(statement)), state).toEqual(one)
      }
    },
  )

  it('the tenant goes in front of the statement, up to one Sync: the prefix', async () => {
    const { acme: pool, globex, tap } = db.bench()
    await globex.query('select 1')
    tap.reset()
    await pool.query('select $1::text as v', ['x'])
    expect(shape(tap.sent())).toBe(
      'Bind acme | Execute | Parse select $1::text as v | Bind x | Describe | Execute | Sync',
    )
  })

  it('a cold connection prepares the prefix in the same write', async () => {
    const bench = db.bench()
    await bench.pool.query('select 1')
    bench.tap.reset()
    await bench.acme.query({ name: 'n', text: whoAmI })
    expect(shape(bench.tap.sent())).toBe(`${prefix} | Parse ${whoAmI} | Bind  | Describe | Execute | Sync`)
    const [scopeParse, scopeBind] = bench.tap.sent()
    expect(scopeParse?.statement).toMatch(/^tenantry_/)
    expect(scopeBind?.statement).toBe(scopeParse?.statement)
  })

  it.each(['do $$ begin end $$', 'call p()'])(
    'what may end its transaction runs in one that it cannot end: %s',
    async text => {
      const { acme: pool, tap } = db.bench()
      await pool.query('select 1')
      tap.reset()
      await pool.query(text).catch(() => undefined)
      const sent = shape(tap.sent())
      expect(sent).toMatch(/^Parse begin \| .*Sync/)
      expect(sent.indexOf('Sync')).toBeLessThan(sent.indexOf(`Parse ${text}`))
      expect(sent).toContain('Parse commit')
    },
  )

  it('a named statement is neither parsed nor described a second time', async () => {
    const { acme: pool, tap } = db.bench()
    for (let time = 0; time < 2; time++) {
      tap.reset()
      await pool.query({ name: 'n', text: 'select $1::text as v', values: ['x'] }).catch(() => undefined)
    }
    expect(shape(tap.sent())).toBe('Bind acme | Execute | Bind x | Execute | Sync')
  })

  it('BEGIN carries the tenant behind it, and every statement of the transaction in front, each in one write', async () => {
    const bench = db.bench()
    const lease = await bench.acme.connect()
    expect(await count(bench, () => lease.query('begin'))).toEqual(one)
    expect(shape(bench.tap.sent())).toBe(
      `Parse begin | Bind  | Describe | Execute | Parse set local "app"."tenant" = 'acme' | Bind  | Execute | Sync`,
    )
    for (const [name, statement] of statements) {
      expect(await count(bench, () => lease.query(statement)), name).toEqual(one)
      expect(shape(bench.tap.sent()), name).toContain('Bind acme | Execute')
    }
    expect(await count(bench, () => lease.query('savepoint s'))).toEqual(one)
    expect(await count(bench, () => lease.query('commit'))).toEqual(one)
    expect(shape(bench.tap.sent())).toBe('Bind acme | Execute | Parse commit | Bind  | Describe | Execute | Sync')
    lease.release()
  })

  it('a statement that fails costs no more', async () => {
    const bench = db.bench()
    await bench.acme.query('select 1')
    expect(await count(bench, () => bench.acme.query('select 1/0').catch(() => undefined))).toEqual(one)
  })

  it('the simple protocol is never used', async () => {
    const { acme: pool, tap } = db.bench()
    await pool.query('select 1')
    const lease = await pool.connect()
    for (const text of ['begin', 'select 1', 'rollback']) await lease.query(text)
    lease.release()
    expect(Buffer.concat(tap.writes).includes('Q\0\0')).toBe(false)
  })

  it('names no statement for a pooler that knows none', async () => {
    const { pool, tap } = db.bench()
    const scoped = scopedPool({ pool, scope, namedStatements: false }).handle(() => acme)
    await pool.query('select 1')
    for (let time = 0; time < 2; time++) {
      tap.reset()
      expect((await scoped.query({ name: 'n', text: whoAmI })).rows).toEqual([{ tenant: 'acme' }])
      expect(tap.sent().map(({ statement }) => statement ?? '')).toEqual(tap.sent().map(() => ''))
    }
  })

  it('two scopes over one pool do not take each other\u2019s prefix', async () => {
    const { pool, acme: first } = db.bench()
    const other = { settings: ['other.tenant'], values: () => ['someone'] }
    const second = scopedPool({ pool, scope: other }).handle(() => acme)
    const both = "select current_setting('app.tenant', true) as a, current_setting('other.tenant', true) as b"
    await first.query(both)
    const { rows } = await second.query(both)
    expect(rows).toEqual([{ a: '', b: 'someone' }])
    expect((await first.query(both)).rows).toEqual([{ a: 'acme', b: '' }])
  })
})
