import type pg from 'pg'

/** Takes every connection that the pool may have and looks at what stands on it. */
export async function residueOf(pool: pg.Pool): Promise<string[]> {
  const clients = await Promise.all(Array.from({ length: pool.options.max }, () => pool.connect()))
  const found: string[] = []
  for (const client of clients) if (client.getTransactionStatus() !== 'I') found.push('an open transaction')
  for (const client of clients) await client.query('begin')
  for (const client of clients) {
    const { rows } = await client.query(`
      select 'setting ' || name || ' ' || current_setting(name, true) as residue from unnest(array['tenantry.tenant_id', 'app.stray']) name
       where current_setting(name, true) <> ''
      union all select 'cursor ' || name from pg_cursors where is_holdable
      union all select 'temporary ' || relname from pg_class where relpersistence = 't' and pg_my_temp_schema() = relnamespace
      union all select 'lock ' || objid from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()
      union all select 'changed setting ' || name from pg_settings where source = 'session' and name not in ('application_name', 'client_encoding', 'transaction_deferrable', 'transaction_isolation', 'transaction_read_only')`)
    found.push(...rows.map(row => String(row.residue)))
  }
  for (const client of clients) {
    await client.query('rollback')
    client.release()
  }
  return found
}
