import type { World } from './world.ts'

/** Server connections of the pooler's default pool, and of a pool without a pooler. */
const backends = 20

// What the driver and the pooler set themselves when a connection is opened or changes hands.
const theirs = [
  'application_name',
  'client_encoding',
  'DateStyle',
  'TimeZone',
  'standard_conforming_strings',
  'IntervalStyle',
]

const text = `
  select 'the setting ' || name || ' = ' || current_setting(name, true) as residue
    from unnest(array['tenantry.tenant_id', 'tenantry.seal']) name where current_setting(name, true) <> ''
  union all select 'the held cursor ' || name from pg_cursors where is_holdable
  union all select 'the temporary ' || relname from pg_class where pg_my_temp_schema() = relnamespace
  union all select 'an advisory lock' from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()
  union all select 'the changed setting ' || name from pg_settings where source = 'session' and name <> all ($1)`

/** Takes all connections at once, each in a transaction so that a pooler gives each a backend, and looks at what stands on them. */
export async function residueOf({ pool }: Pick<World, 'pool'>): Promise<readonly string[]> {
  const clients = await Promise.all(Array.from({ length: Math.min(backends, pool.options.max) }, () => pool.connect()))
  const found: string[] = []
  try {
    for (const client of clients) {
      if (client.getTransactionStatus() !== 'I') found.push('an open transaction')
      await client.query('begin')
    }
    for (const client of clients) {
      const { rows } = await client.query<{ residue: string }>(text, [theirs])
      found.push(...rows.map(({ residue }) => residue))
      await client.query('rollback')
    }
  } finally {
    for (const client of clients) client.release()
  }
  return found
}
