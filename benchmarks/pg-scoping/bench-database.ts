import { secret, type Tenant } from '@tenantry/core'
import { installSeal, pgRls, protectTable, type SealMode, sealKeyStatement } from '@tenantry/pg-rls'
import type { FreshDatabase } from '@tenantry/servers'
import pg from 'pg'
import { loopStatements } from './read-loops.ts'

/** How the tables of a database are sealed. */
export type SealChoice = SealMode | 'none'

/** Rows of each tenant; their ids begin with 1. */
export const rows = 20_000
export const acme = { id: 'acme' } as Tenant
const key = { id: 1, secret: secret('a key that seals nothing but what is measured') }

/** A database with the tables, and two ways in. */
export type BenchDatabase = Awaited<ReturnType<typeof openBenchDatabase>>

/** Migrates a database as a deployment does, and opens its pools. */
export async function openBenchDatabase(database: FreshDatabase, seal: SealChoice) {
  await migrate(database, seal)
  const pool = new pg.Pool({ connectionString: database.runtimeUrl, max: 16 })
  const isolation = pgRls({ pool, shared: ['public.plain_notes'], seal, sealKeys: () => key })
  return {
    /** The `pg.Pool` itself. */
    pool,
    /** The same pool, scoped to a tenant. */
    scoped: isolation.handle(() => acme),
    async close() {
      await isolation.close()
      await pool.end()
    },
  }
}

async function migrate({ ownerUrl, adminUrl, ownerRole, runtimeRole }: FreshDatabase, seal: SealChoice): Promise<void> {
  const owner = new pg.Client({ connectionString: ownerUrl })
  const admin = new pg.Client({ connectionString: adminUrl })
  await Promise.all([owner.connect(), admin.connect()])
  try {
    // The same rows twice: with row-level security, and without, for the query that remembers its own where clause.
    for (const table of ['notes', 'plain_notes']) {
      await owner.query(
        `create table ${table} (id int not null, tenant_id text not null, text text not null, primary key (tenant_id, id))`,
      )
      await owner.query(
        `insert into ${table} select id, tenant, 'note ' || id from unnest(array['${acme.id}', 'globex']) tenant, generate_series(1, $1::int) id`,
        [rows],
      )
    }
    await owner.query(`grant select on plain_notes to ${runtimeRole}`)
    if (seal !== 'none') {
      for (const text of installSeal({ mode: seal, runtimeRole, tableOwner: ownerRole })) await admin.query(text)
      const { text, values } = sealKeyStatement(key)
      await admin.query(text, [...values])
    }
    const sealed = seal !== 'none'
    for (const text of protectTable('notes', { index: false, runtimeRole, seal: sealed })) await owner.query(text)
    for (const text of loopStatements) await owner.query(text)
    await admin.query('vacuum analyze')
  } finally {
    await Promise.all([owner.end(), admin.end()])
  }
}
