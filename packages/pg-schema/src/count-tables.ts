import type { Holding } from '@tenantry/core'
import { type Query, quoteIdentifier, quoteQualified } from '@tenantry/pg'

/** Each table of a schema with how many rows it has. In a transaction; lifts policies that hide rows from the tables' owner too. */
export async function countTables(query: Query, schema: string): Promise<readonly Holding[]> {
  const { rows } = await query(
    `select relname as name, relforcerowsecurity as forced, pg_has_role(relowner, 'USAGE') as owned
       from pg_class where relnamespace = $1::regnamespace and relkind in ('r', 'm') order by 1`,
    [quoteIdentifier(schema)],
  )
  if (rows.length === 0) return []
  const counted = rows.filter(row => row.owned === true)
  const forced = counted.filter(row => row.forced === true).map(({ name }) => quoteQualified(schema, String(name)))
  if (forced.length > 0)
    await query(forced.map(table => `alter table only ${table} no force row level security`).join(';\n'))
  const counts = counted.map(
    ({ name }) => `(select count(*) from only ${quoteQualified(schema, String(name))})::float8`,
  )
  // One array, since a row has at most 1,664 columns.
  const found = await query(`select array[${counts.join(', ')}]::float8[] as counts`)
  const numbers = found.rows[0]?.counts as readonly number[]
  return rows.map(row => {
    const name = `${schema}.${row.name}`
    if (row.owned !== true) return { kind: 'uncounted table', name, count: 1 }
    return { kind: 'table', name, count: numbers[counted.indexOf(row)] ?? 0 }
  })
}
