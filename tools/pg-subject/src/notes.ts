import type { Notes } from '@tenantry/conformance'
import type pg from 'pg'

export type Query = (text: string, values?: unknown[]) => Promise<pg.QueryResult>

/** The verbs of the laws as statements that name neither a tenant nor a schema. */
export function notesOf(query: Query): Notes {
  const changed = async (text: string, values: unknown[]) => (await query(text, values)).rowCount ?? 0
  return {
    put: async ({ id, text }) => void (await query('insert into notes (id, text) values ($1, $2)', [id, text])),
    get: async id => (await query('select id, text from notes where id = $1', [id])).rows[0],
    list: async () => (await query('select id, text from notes')).rows,
    count: async () => (await query('select count(*)::int as count from notes')).rows[0].count,
    update: ({ id, text }) => changed('update notes set text = $2 where id = $1', [id, text]),
    remove: id => changed('delete from notes where id = $1', [id]),
  }
}
