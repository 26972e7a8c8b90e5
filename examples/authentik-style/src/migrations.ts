import type { RebuildOptions } from '@tenantry/pg-schema'

/** Sends statements inside a transaction. */
export type Query = Parameters<RebuildOptions['migrate']>[0]

// Names stand without a schema: the same statements make `public`, the template, and what a tenant's schema still lacks.
const migrations = [
  `create table notes (
    id integer generated always as identity primary key,
    text text not null,
    written timestamptz not null default now()
  );
  create index notes_written on notes (written)`,
  'create table licences (key text primary key, seats integer not null check (seats > 0))',
]

/** The version of a schema that has had all migrations. */
export const newest = migrations.length

/** Runs the migrations that the schema at the front of the `search_path` has not had. */
export async function migrate(query: Query): Promise<void> {
  await query('create table if not exists migrations (version integer primary key)')
  const { rows } = await query<{ version: number }>('select coalesce(max(version), 0) as version from migrations')
  const done = rows[0]?.version ?? 0
  for (const [index, statements] of migrations.entries()) {
    if (index < done) continue
    await query(statements)
    await query('insert into migrations (version) values ($1)', [index + 1])
  }
}
