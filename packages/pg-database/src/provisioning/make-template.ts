import { isTenancyError, TenancyError } from '@tenantry/core'
import { errorText, type Query, quoteIdentifier, withinTransaction } from '@tenantry/pg'
import type pg from 'pg'
import type { DatabaseServer } from '../placement.ts'
import { defaultTemplate } from './database-structure.ts'
import { lockStore } from './look-at.ts'
import { asProvisioner, atOnce, type ProvisionerLogin, together } from './provisioner.ts'

/** Options of {@link makeDatabaseTemplate}. */
export interface DatabaseTemplateOptions {
  readonly server: DatabaseServer
  readonly provisioner: ProvisionerLogin
  /** Name of the template. Default `tenantry_template`. */
  readonly database?: string
  /**
   * Makes what every tenant starts with, in one transaction, which it must not end; as `pg_database_owner`, which is in each database
   * the role that owns it.
   */
  readonly migrate: (query: Query, at: { readonly client: pg.ClientBase }) => Promise<unknown>
}

/**
 * Makes the template of tenants' databases, or makes it anew: the one before serves until the new one is whole.
 *
 * @throws {TenancyError} `OBJECT_FOREIGN`, `DATABASE_UNAVAILABLE`, `CONNECTION_LOST`, `CONFIG_INVALID`, `TEMPLATE_REBUILD_FAILED`
 * @example
 * await makeDatabaseTemplate({ server, provisioner, migrate: query => query('create table notes (id uuid primary key)') })
 */
export async function makeDatabaseTemplate(options: DatabaseTemplateOptions): Promise<void> {
  const { server, provisioner, database = defaultTemplate, migrate } = options
  if (!/^[a-z_][a-z0-9_]{0,50}$/.test(database))
    throw new TenancyError('ARGUMENT_INVALID', {
      field: 'database',
      rule: 'must be lower-case letters, digits and "_", at most 51',
    })
  const at = { server, login: provisioner }
  const fresh = `${database}_next`
  try {
    await asProvisioner(at, undefined, async query => {
      await query(lockStore(database))
      await query(`drop database if exists ${quoteIdentifier(fresh)}`)
      // Closed until PUBLIC may not connect, which the server lets into every new database.
      await query(`create database ${quoteIdentifier(fresh)} template template0 allow_connections false`)
      await atOnce(query, [
        `revoke all on database ${quoteIdentifier(fresh)} from public`,
        `alter database ${quoteIdentifier(fresh)} with allow_connections true`,
      ])
      await asProvisioner(at, fresh, (inside, client) =>
        together(inside, async () => {
          // Privileges on a database are not copied, but whoever owns a copy is that role in it: nothing in it has to change hands.
          await inside(`grant create on database ${quoteIdentifier(fresh)} to pg_database_owner`)
          await inside('set local role pg_database_owner; set local search_path = public, pg_temp')
          await withinTransaction(inside, () => migrate(inside, { client }))
        }),
      )
      if (await isThere(query, database)) {
        await query(`alter database ${quoteIdentifier(database)} with is_template false`)
        await query(`drop database ${quoteIdentifier(database)} with (force)`)
      }
      await together(query, async () => {
        await query(`alter database ${quoteIdentifier(fresh)} rename to ${quoteIdentifier(database)}`)
        await query(`alter database ${quoteIdentifier(database)} with is_template true allow_connections false`)
      })
    })
  } catch (error) {
    if (isTenancyError(error)) throw error
    const details = { template: database, reason: errorText(error) }
    throw new TenancyError('TEMPLATE_REBUILD_FAILED', details, { cause: error })
  }
}

/** @throws {TenancyError} `OBJECT_FOREIGN` for a database that is no template of the provisioner's. */
async function isThere(query: Query, database: string): Promise<boolean> {
  const { rows } = await query<{ owner: string; ours: boolean }>(
    'select pg_get_userbyid(datdba) as owner, datistemplate and pg_get_userbyid(datdba) = current_user as ours from pg_database where datname = $1',
    [database],
  )
  const [found] = rows
  if (found?.ours === false)
    throw new TenancyError('OBJECT_FOREIGN', {
      kind: 'database',
      name: database,
      owner: `the role ${found.owner}, and is no template of the provisioner`,
    })
  return found !== undefined
}
