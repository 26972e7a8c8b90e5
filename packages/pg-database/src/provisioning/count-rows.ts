import type { Erasure } from '@tenantry/core'
import { type Query, quoteQualified } from '@tenantry/pg'

interface Table {
  readonly schema: string
  readonly name: string
  readonly owned: boolean
  readonly forced: boolean
}

/**
 * Each table of a tenant with how many rows go with it; as the provisioner, in the tenant's database. Nothing of the tenant's may run
 * here, since it would run with the provisioner's rights: a table that is read by its owner asks no policy, unless it is forced to.
 */
export async function countRows(query: Query): Promise<Erasure['erased']> {
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
  // Whatever policy still applies, be it since a moment ago, is an error and not asked.
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
