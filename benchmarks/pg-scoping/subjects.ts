import type pg from 'pg'
import { acme, type BenchDatabase, type SealChoice } from './bench-database.ts'

/** Reads the text of one of the tenant's notes. */
type Read = (id: number) => Promise<string>

/** What is compared: reads by primary key with prepared statements. */
export const titles = {
  raw: 'prepared query with "where tenant_id ="',
  scoped: 'scoped pool',
  stamp: "scoped pool, seal: 'stamp'",
  challenge: "scoped pool, seal: 'challenge'",
  transaction: 'hand-written BEGIN; set_config; query; COMMIT',
  challengeTransaction: "BEGIN; query; COMMIT, seal: 'challenge'",
} as const

export type SubjectName = keyof typeof titles

type Note = { text: string }

interface Queryable {
  query(query: pg.QueryConfig): Promise<pg.QueryResult<Note>>
}

interface Connectable {
  connect(): Promise<Queryable & { release(): void }>
}

export function subjectsOf(databases: Readonly<Record<SealChoice, BenchDatabase>>): Record<SubjectName, Read> {
  const { none, stamp, challenge } = databases
  const single =
    (pool: Queryable): Read =>
    async id =>
      textOf(await pool.query(read(id)))
  return {
    raw: async id => textOf(await none.pool.query(rawRead(id))),
    scoped: single(none.scoped),
    stamp: single(stamp.scoped),
    challenge: single(challenge.scoped),
    transaction: id => inTransaction(none.pool, [setTenant], id),
    challengeTransaction: id => inTransaction(challenge.scoped, [], id),
  }
}

async function inTransaction(pool: Connectable, first: readonly pg.QueryConfig[], id: number): Promise<string> {
  const client = await pool.connect()
  try {
    await client.query({ text: 'begin' })
    for (const query of first) await client.query(query)
    const result = await client.query(read(id))
    await client.query({ text: 'commit' })
    return textOf(result)
  } finally {
    client.release()
  }
}

const setTenant = { name: 'set', text: `select set_config('tenantry.tenant_id', $1, true)`, values: [acme.id] }

function read(id: number): pg.QueryConfig {
  return { name: 'read', text: 'select * from notes where id = $1', values: [id] }
}

function rawRead(id: number): pg.QueryConfig {
  return { name: 'raw', text: 'select * from plain_notes where tenant_id = $1 and id = $2', values: [acme.id, id] }
}

function textOf({ rows }: pg.QueryResult<Note>): string {
  return rows[0]?.text ?? 'no row'
}
