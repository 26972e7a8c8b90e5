import { TenancyError } from '@tenantry/core'
import { Kysely, Migrator, PostgresDialect } from 'kysely'
import type pg from 'pg'
import { errorText, statementError } from '../database-error.ts'
import { quoteIdentifier } from '../identifier.ts'
import { inTransaction } from '../in-transaction.ts'
import { migrationsIn, migrationTable } from './migrations.ts'
import { grantsSql } from './schema/grants-sql.ts'
import { allowedMoves } from './schema/moves.ts'

/** Options of {@link migrateRegistry}. */
export interface MigrateRegistryOptions {
  /** Connections of the role that owns the registry; not the one that applications have. Yours: you end it. */
  readonly pool: pg.Pool
  /** A schema of the registry's own. Default `tenantry`. Made when it is missing. */
  readonly schema?: string
  /** The runtime role of the registry, which must be there. It is granted what {@link postgresRegistry} needs, and no more. */
  readonly role: string
  /** A role that reads the audit, and nothing else. Default none. */
  readonly auditor?: string
  /** Whether the database lets archived tenants be restored, as the life cycle's option of this name does. Default `false` (P13). */
  readonly allowRestore?: boolean
}

/**
 * Makes or updates the tables of the registry. To be run by each deployment: idempotent, and by several at once.
 *
 * @throws {TenancyError} `IDENTIFIER_INVALID`; `ARGUMENT_INVALID` for the schema `public`; `DATABASE_UNAVAILABLE`, `CONNECTION_LOST`;
 * `CONFIG_INVALID` when the database refuses a migration, such as for a role that does not exist.
 * @example
 * await migrateRegistry({ pool: ownerPool, role: 'tenantry_registry' })
 */
export async function migrateRegistry(options: MigrateRegistryOptions): Promise<void> {
  const { pool, schema = 'tenantry', role, auditor, allowRestore = false } = options
  const s = quoteIdentifier(schema)
  if (schema === 'public')
    throw new TenancyError('ARGUMENT_INVALID', { field: 'schema', rule: "must be the registry's own" })
  const grants = grantsSql(s, quoteIdentifier(role), auditor === undefined ? undefined : quoteIdentifier(auditor))
  // A connection first, so that one that cannot be had is told as everywhere.
  await inTransaction(pool, query => query('select 1'))
  const migrator = new Migrator({
    db: new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) }),
    provider: { getMigrations: async () => migrationsIn(s) },
    migrationTableSchema: schema,
    migrationTableName: migrationTable,
    migrationLockTableName: `${migrationTable}_lock`,
  })
  const { error } = await migrator.migrateToLatest()
  if (error !== undefined) throw refused(error)
  try {
    await inTransaction(pool, async query => {
      // Two that grant the same at once would be in each other's way.
      await query(`lock table ${s}.registry_meta in share row exclusive mode`)
      const rows = allowedMoves(allowRestore).map(({ kind, from, to, guarded }) => [kind, from, to, guarded])
      await query(`delete from ${s}.registry_moves`)
      await query(
        `insert into ${s}.registry_moves select * from unnest($1::text[], $2::text[], $3::text[], $4::bool[])`,
        [0, 1, 2, 3].map(column => rows.map(row => row[column])),
      )
      await query(grants)
    })
  } catch (cause) {
    throw refused(cause)
  }
}

function refused(error: unknown): unknown {
  const told = statementError(error)
  if (told !== error || !(error instanceof Error)) return told
  return new TenancyError('CONFIG_INVALID', { source: 'The registry', problems: [errorText(error)] }, { cause: error })
}
