import type pg from 'pg'

// What the driver and the pooler set themselves when a connection is opened or changes hands.
const theirs = [
  'application_name',
  'client_encoding',
  'DateStyle',
  'TimeZone',
  'standard_conforming_strings',
  'IntervalStyle',
]

const common = [
  `select 'the held cursor ' || name as residue from pg_cursors where is_holdable`,
  `select 'the temporary ' || relname from pg_class where pg_my_temp_schema() = relnamespace`,
  `select 'an advisory lock' from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()`,
  // RESET after SET LOCAL leaves the source behind, but not the value.
  `select 'the changed setting ' || name from pg_settings
    where source = 'session' and setting is distinct from reset_val and name <> all ($1)`,
]

/** A query for what stands on a connection and must not, of one column. */
export function residueQuery(more: readonly string[]): { readonly text: string; readonly values: unknown[] } {
  return { text: [...common, ...more].join('\nunion all '), values: [theirs] }
}

/** Takes so many connections, each in a transaction so that a pooler gives each a backend, and looks at what stands on them. */
export async function residueOn(pool: pg.Pool, connections: number, more: readonly string[]): Promise<string[]> {
  const { text, values } = residueQuery(more)
  const clients = await allOf(Array.from({ length: connections }, () => pool.connect()))
  const found: string[] = []
  // One that is killed while it is looked at, or on its way out, says so to nobody else.
  const ignore = () => undefined
  for (const client of clients) client.on('error', ignore)
  let broken = true
  try {
    for (const client of clients) {
      if (client.getTransactionStatus() !== 'I') found.push('an open transaction')
      await client.query('begin')
    }
    for (const client of clients) {
      const { rows } = await client.query<{ residue: string }>(text, values)
      found.push(...rows.map(({ residue }) => residue))
      await client.query('rollback')
    }
    broken = false
  } finally {
    for (const client of clients) {
      if (!broken) client.off('error', ignore)
      client.release(broken)
    }
  }
  return found
}

/** Those that can be had are given back where one cannot. */
async function allOf(asked: readonly Promise<pg.PoolClient>[]): Promise<pg.PoolClient[]> {
  const outcomes = await Promise.allSettled(asked)
  const clients = outcomes.flatMap(outcome => (outcome.status === 'fulfilled' ? [outcome.value] : []))
  const failed = outcomes.find(outcome => outcome.status === 'rejected')
  if (failed === undefined) return clients
  for (const client of clients) client.release(true)
  throw failed.reason
}
