import { TenancyError } from '@tenantry/core'
import { describePostgres } from '@tenantry/servers/vitest'
import type pg from 'pg'
import { expect, it } from 'vitest'
import { type Scope, scopedPool } from '../src/index.ts'
import { acme, globex, setting, useDatabase } from './support.ts'

async function codeOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => 'no error',
    (error: { code?: unknown }) => error.code ?? error,
  )
}

describePostgres('a scope', server => {
  const db = useDatabase(server)
  const values: Scope['values'] = tenant => [tenant.id]

  function open(pool: pg.Pool, scope: Partial<Scope>) {
    const scoped = scopedPool({ pool, scope: { settings: [setting], values, ...scope } })
    return [scoped.handle(() => acme), scoped.handle(() => globex)] as const
  }

  it('of a list is a list, in front of a statement and behind BEGIN', async () => {
    const { pool, tap } = db.bench()
    const [a] = open(pool, { settings: ['search_path'], values: () => ['public,information_schema, pg_catalog'] })
    const path = `select array_to_string(current_schemas(false), ' ') as path`
    expect((await a.query(path)).rows[0].path).toBe('public information_schema pg_catalog')
    const lease = await a.connect()
    tap.reset()
    await lease.query('begin')
    const behind = tap.sent().flatMap(({ text = '' }) => (text.startsWith('set local') ? text : []))
    expect(behind).toEqual([`set local "search_path" = 'public', 'information_schema', 'pg_catalog'`])
    expect((await lease.query(path)).rows[0].path).toBe('public information_schema pg_catalog')
    expect((await lease.query('show search_path')).rows[0].search_path).toBe('public,information_schema, pg_catalog')
    await lease.query('rollback')
    lease.release()
  })

  it('whose condition does not hold keeps the statement from running, alone and in a transaction', async () => {
    const { pool } = db.bench()
    for (const condition of [`$1 = 'globex'`, 'null::boolean', 'false']) {
      const [a] = open(pool, { condition })
      expect(await codeOf(a.query(`select nextval('a sequence that does not exist')`)), condition).toBe('22023')
      const lease = await a.connect()
      await lease.query('begin')
      expect(await codeOf(lease.query('select 1')), condition).toBe('22023')
      expect(await codeOf(lease.query('rollback'))).toBe('no error')
      lease.release()
    }
    const [a, b] = open(pool, { condition: `$1 = 'globex'` })
    expect(await codeOf(b.query('select 1'))).toBe('no error')
    expect(await codeOf(a.query('select 1'))).toBe('22023')
  })

  it('tells why it was refused, and has no say in the errors of the statement itself', async () => {
    const { pool } = db.bench()
    const told: string[] = []
    const [a] = open(pool, {
      condition: 'false',
      refusal(tenant, error) {
        told.push(`${tenant.id} ${error.code}`)
        return new TenancyError('TENANT_STORE_MISSING', { tenant: tenant.id, isolation: 'a test', reason: 'none' })
      },
    })
    expect(await codeOf(a.query('select 1'))).toBe('TENANT_STORE_MISSING')
    expect(told).toEqual(['acme 22023'])
    const [b] = open(pool, { refusal: () => new Error('not asked') })
    expect(await codeOf(b.query('select 1 / 0'))).toBe('22012')
    const [c] = open(pool, { refusal: () => undefined, condition: 'false' })
    expect(await codeOf(c.query('select 1'))).toBe('22023')
  })

  it('that cannot be set behind BEGIN tells why too', async () => {
    const { pool } = db.bench()
    const [a] = open(pool, {
      settings: ['role'],
      values: () => ['nobody at all'],
      refusal: ({ id }) =>
        new TenancyError('TENANT_STORE_MISSING', { tenant: id, isolation: 'a test', reason: 'none' }),
    })
    const lease = await a.connect()
    expect(await codeOf(lease.query('begin'))).toBe('TENANT_STORE_MISSING')
    await lease.query('rollback')
    lease.release()
  })

  it('prepares for each tenant apart where asked, and for all together otherwise', async () => {
    for (const [preparePerTenant, parses] of [
      [true, 2],
      [false, 1],
    ] as const) {
      const { pool, tap } = db.bench({ max: 1 })
      const both = open(pool, { preparePerTenant })
      await pool.query('select 1')
      tap.reset()
      for (let round = 0; round < 2; round++)
        for (const one of both) await one.query({ name: 'n', text: 'select 1 as one' })
      expect(tap.sent().filter(({ type, text }) => type === 'Parse' && text === 'select 1 as one')).toHaveLength(parses)
    }
  })
})
