import type { Tenant } from '@tenantry/core'
import pg from 'pg'
import type { StoredRow, StoredRows } from '../../subject.ts'
import { tagOf } from '../../turn.ts'
import type { Shapes } from './shapes.ts'
import type { Stores } from './stores.ts'

const columns = ['id', 'tag', 'version']

/** Writes the first rows of all tenants, of whom every third has one column more, as in the middle of a migration. */
export async function fill(
  admin: pg.Pool,
  stores: Stores,
  first: ReadonlyMap<Tenant, ReadonlyMap<number, number>>,
): Promise<Shapes> {
  const shapes = new Map<string, readonly string[]>()
  const texts = [...first].flatMap(([tenant, known], at) => {
    const { schema } = stores.of(tenant)
    const rows = [...known].map(([id, version]) => `(${id}, ${pg.escapeLiteral(tagOf(tenant))}, ${version})`)
    const ahead = at % 3 === 0
    shapes.set(tenant.id, ahead ? [...columns, 'color'] : columns)
    return [
      ...(ahead ? [`alter table ${schema}.notes add column color text not null default 'red'`] : []),
      `insert into ${schema}.notes (${columns}) values ${rows}`,
      `insert into ${schema}.marks (note, tag) select id, tag from ${schema}.notes where id % 3 = 0`,
    ]
  })
  await admin.query(texts.join(';\n'))
  // Or there would be nothing to find in the statistics.
  await admin.query('analyze')
  return shapes
}

/** All rows of these tenants. */
export async function storedRows(admin: pg.Pool, stores: Stores, tenants: readonly Tenant[]): Promise<StoredRows> {
  function rowsOf<Row extends StoredRow>(table: string, selected: string): Promise<pg.QueryResult<Row>> {
    const parts = tenants.map(
      tenant =>
        `select ${pg.escapeLiteral(tenant.id)} as holder, ${selected} from ${stores.of(tenant).schema}.${table}`,
    )
    return admin.query<Row>(parts.join(' union all '))
  }
  const notes = await rowsOf<StoredRows['notes'][number]>('notes', 'id, tag, version::float8')
  const marks = await rowsOf('marks', 'tag')
  return { notes: notes.rows, marks: marks.rows }
}
