import type { Tenant } from '@tenantry/core'
import type { StoredRow, StoredRows } from '../../subject.ts'
import { tagOf } from '../../turn.ts'
import type { Estate } from './estate.ts'

/** Writes a tenant's first rows. */
export async function fill(estate: Estate, tenant: Tenant, first: ReadonlyMap<number, number>): Promise<void> {
  await estate.at(tenant).inside(`${tenant.placement.database}`, async client => {
    await client.query(
      'insert into notes (id, tag, version) select id, $1, version from unnest($2::int[], $3::bigint[]) n(id, version)',
      [tagOf(tenant), [...first.keys()], [...first.values()]],
    )
    await client.query('insert into marks (note, tag) select id, tag from notes where id % 3 = 0')
  })
}

/** All rows of these tenants. */
export async function storedRows(estate: Estate, tenants: readonly Tenant[]): Promise<StoredRows> {
  const notes: StoredRows['notes'][number][] = []
  const marks: StoredRow[] = []
  await eachOf(tenants, tenant =>
    estate.at(tenant).inside(`${tenant.placement.database}`, async client => {
      const holder = tenant.id
      const found = await client.query('select id, tag, version::float8 from notes')
      notes.push(...found.rows.map(row => ({ holder, ...row })))
      marks.push(...(await client.query('select tag from marks')).rows.map(row => ({ holder, ...row })))
    }),
  )
  return { notes, marks }
}

/** Works on all of them, a few at a time. */
export async function eachOf<T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> {
  const left = [...items]
  async function worker(): Promise<void> {
    for (let item = left.pop(); item !== undefined; item = left.pop()) await work(item)
  }
  await Promise.all(Array.from({ length: 6 }, worker))
}
