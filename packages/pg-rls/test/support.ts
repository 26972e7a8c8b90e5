import { createTenancy, isTenancyError, type Logger, memoryRegistry, type Tenant } from '@tenantry/core'
import type { FreshDatabase } from '@tenantry/servers'
import pg from 'pg'
import { expect } from 'vitest'
import { defaultSetting } from '../src/setting.ts'

/** Runs statements one after another, each in a transaction of its own, on one connection. */
export async function execute(
  url: string,
  ...statements: readonly (string | pg.QueryConfig)[]
): Promise<pg.QueryResult> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    let result: pg.QueryResult | undefined
    for (const statement of statements) result = await client.query(statement)
    return result as pg.QueryResult
  } finally {
    await client.end()
  }
}

/** One connection of the runtime role, where a test says itself which tenant stands in the setting. */
export async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  return client
}

/** Does something as a tenant, by hand, in a transaction that is rolled back when it fails. */
export async function as<T>(client: pg.Client, tenant: string, work: () => Promise<T>, setting = defaultSetting) {
  await client.query('begin')
  try {
    await client.query('select set_config($1, $2, true)', [setting, tenant])
    const result = await work()
    await client.query('commit')
    return result
  } catch (error) {
    await client.query('rollback')
    throw error
  }
}

/** The SQLSTATE that the server refuses with; or `none`, with what it answered. */
export async function sqlState(work: Promise<unknown>): Promise<string | undefined> {
  try {
    return `none: ${JSON.stringify(await work)}`
  } catch (error) {
    if (error instanceof pg.DatabaseError) return error.code
    throw error
  }
}

/** The code that Tenantry refuses with; or `none`, with the answer. */
export async function refusal(work: () => unknown): Promise<string> {
  try {
    return `none: ${JSON.stringify(await work())}`
  } catch (error) {
    if (isTenancyError(error)) return error.code
    throw error
  }
}

/** A tenancy with tenants a and b, and c that has nothing yet. */
export async function threeTenants() {
  const registry = memoryRegistry()
  const add = (id: string, more: object = {}): Promise<Tenant> =>
    Promise.resolve(registry.add({ id, slug: id, name: id, ...more }))
  const a = await add('a', { isControl: true, isDefault: true })
  const b = await add('b')
  const c = await add('c')
  return { tenancy: createTenancy({ registry, logger: recorder() }), a, b, c }
}

/** A logger that keeps what it is told. */
export function recorder(): Logger & { readonly records: { level: string; details: object; message: string }[] } {
  const records: { level: string; details: object; message: string }[] = []
  const keep = (level: string) => (details: object, message: string) => void records.push({ level, details, message })
  return { records, debug: keep('debug'), info: keep('info'), warn: keep('warn'), error: keep('error') }
}

/** A pool that is ended with the test's database. */
export function openPool(database: Pick<FreshDatabase, 'runtimeUrl'>, config: pg.PoolConfig = {}): pg.Pool {
  return new pg.Pool({ connectionString: database.runtimeUrl, max: 3, ...config })
}

export function expectCount(result: pg.QueryResult, count: number): void {
  expect(result.rows[0]?.count).toBe(String(count))
}
