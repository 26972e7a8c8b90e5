import { randomBytes } from 'node:crypto'
import { type Erasure, isTenancyError, type LoginTarget, secret, TenancyError } from '@tenantry/core'
import { type Query, quoteIdentifier, quoteQualified } from '@tenantry/pg'
import { asProvisioner, atOnce, type ProvisionedServer } from './provisioner.ts'
import { makeStandingLogin } from './standing-login.ts'

interface Table {
  readonly schema: string
  readonly name: string
  readonly owned: boolean
  readonly forced: boolean
}

/** The login that counts. Marked as the tenant's, so that it goes with the others, also after a crash. */
export function counterOf(owner: string): string {
  return `${owner}_count`
}

/**
 * Each table of a tenant with how many rows it has.
 *
 * Counting runs code of the tenant, which owns its tables: policies that it forces on their owner, functions that the planner
 * evaluates for an index. As the provisioner that code could make roles, and become other tenants. SET ROLE would not keep it from
 * that, since it can RESET ROLE. So whoever counts has logged in as nothing but the tenant.
 *
 * @param query - as the provisioner, who is a member of the owner role now.
 * @param left - how the database is left: what keeps its rows from being counted is taken out of the way of an erasure only.
 * @throws {TenancyError} `ERASURE_INCOMPLETE` when they cannot be counted; `DATABASE_UNAVAILABLE`, `CONNECTION_LOST`.
 */
export async function countRows(
  query: Query,
  { server }: ProvisionedServer,
  target: LoginTarget,
  mark: { readonly tenant: string },
  version: number,
  left: 'as it is' | 'to be erased',
): Promise<Erasure['erased']> {
  const login = { username: counterOf(target.owner), password: secret(randomBytes(32).toString('base64url')) }
  await makeStandingLogin(query, target, mark, login, version)
  const database = quoteIdentifier(target.database)
  await atOnce(query, [
    // The owner of a database sets what it likes in it, and says who connects: it must not keep itself from being erased.
    ...(left === 'to be erased'
      ? [`alter database ${database} reset all`, `alter database ${database} connection limit -1`]
      : []),
    // Nobody else's door is opened by that: the tenant may be suspended.
    `grant connect on database ${database} to ${quoteIdentifier(login.username)}`,
  ])
  const counted = asProvisioner({ server, login }, target.database, async inside => {
    await inside('begin')
    const tables = await countAll(inside)
    // Policies were lifted for counting.
    await inside('rollback')
    return tables
  })
  return counted.catch((error: unknown) => {
    if (isTenancyError(error)) throw error
    const objects = [`its tables, whose rows cannot be counted (${(error as Error).message})`]
    throw new TenancyError('ERASURE_INCOMPLETE', { tenant: target.tenant, objects }, { cause: error })
  })
}

/** As the tenant. What its policies would hide goes as well, and what belongs to another role cannot be read. */
async function countAll(query: Query): Promise<Erasure['erased']> {
  const { rows } = await query<Table>(
    `select n.nspname as schema, c.relname as name, pg_has_role(c.relowner, 'usage') as owned, c.relforcerowsecurity as forced
       from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where c.relkind in ('r', 'm') and c.relpersistence <> 't' and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'tenantry')
      order by 1, 2`,
  )
  const owned = rows.filter(row => row.owned)
  for (const { schema, name } of owned.filter(({ forced }) => forced)) {
    await query(`alter table only ${quoteQualified(schema, name)} no force row level security`)
  }
  // Whatever policy still applies, be it since a moment ago, is an error.
  await query('set row_security = off')
  const counts = owned.map(({ schema, name }) => `(select count(*) from only ${quoteQualified(schema, name)})::float8`)
  // One array, since a row has at most 1,664 columns.
  const counted =
    owned.length === 0 ? [] : (await query<{ counts: number[] }>(`select array[${counts.join(', ')}] as counts`)).rows
  const numbers = counted[0]?.counts ?? []
  return rows.map(row => {
    const name = `${row.schema}.${row.name}`
    if (!row.owned) return { kind: 'uncounted table', name, count: 1 }
    return { kind: 'table', name, count: numbers[owned.indexOf(row)] ?? 0 }
  })
}
