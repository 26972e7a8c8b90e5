import { isTenancyError, TenancyError } from '@tenantry/core'
import { type Query, quoteIdentifier, withinTransaction } from '@tenantry/pg'
import type pg from 'pg'
import type { DatabaseServer } from '../placement.ts'
import { defaultTemplate } from './database-structure.ts'
import { lockStore } from './look-at.ts'
import { markRole, markText } from './mark.ts'
import { becomeMember } from './memberships.ts'
import { asProvisioner, type ProvisionerLogin, together } from './provisioner.ts'

/** Options of {@link makeDatabaseTemplate}. */
export interface DatabaseTemplateOptions {
  readonly server: DatabaseServer
  readonly provisioner: ProvisionerLogin
  /** Name of the template. A role `<name>_owner` owns what is in it, and cannot log in. Default `tenantry_template`. */
  readonly database?: string
  /** Makes what every tenant starts with, as that role, in one transaction, which it must not end. */
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
  const [owner, fresh] = [`${database}_owner`, `${database}_next`]
  const mark = { template: database }
  try {
    await asProvisioner(at, undefined, async query => {
      await query(lockStore(owner))
      await ownRole(query, owner, mark)
      await query(`drop database if exists ${quoteIdentifier(fresh)}`)
      // The provisioner's own, so that whoever takes over what its owner role owns does not take the database with it.
      await query(`create database ${quoteIdentifier(fresh)} template template0`)
      await query(`revoke all on database ${quoteIdentifier(fresh)} from public`)
      await asProvisioner(at, fresh, (inside, client) =>
        together(inside, async () => {
          await inside(`grant usage, create on schema public to ${quoteIdentifier(owner)}`)
          await inside(`grant create on database ${quoteIdentifier(fresh)} to ${quoteIdentifier(owner)}`)
          await inside(`set local role ${quoteIdentifier(owner)}; set local search_path = public, pg_temp`)
          await withinTransaction(inside, () => migrate(inside, { client }))
          await inside('reset role')
          await inside(`revoke usage, create on schema public from ${quoteIdentifier(owner)}`)
          await inside(`revoke create on database ${quoteIdentifier(fresh)} from ${quoteIdentifier(owner)}`)
        }),
      )
      const before = await query(
        'select from pg_database where datname = $1 and pg_get_userbyid(datdba) = current_user',
        [database],
      )
      if (before.rows.length > 0) {
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
    const { code, message } = error as { code?: string; message?: string }
    const reason = [code, message].filter(part => part !== undefined).join(' ') || String(error)
    throw new TenancyError('TEMPLATE_REBUILD_FAILED', { template: database, reason }, { cause: error })
  }
}

/** The role that owns what is in the template. The provisioner stays its member, to give copies of it to tenants. */
async function ownRole(query: Query, owner: string, mark: { readonly template: string }): Promise<void> {
  const { rows } = await query<{ comment: string | null; there: boolean; version: number }>(
    `select (select shobj_description(oid, 'pg_authid') from pg_roles where rolname = $1) as comment,
            exists (select from pg_roles where rolname = $1) as there, current_setting('server_version_num')::int as version`,
    [owner],
  )
  const { there = false, comment = null, version = 0 } = rows[0] ?? {}
  if (there && comment !== markText(mark))
    throw new TenancyError('OBJECT_FOREIGN', { kind: 'role', name: owner, owner: 'somebody else' })
  await together(query, async () => {
    if (!there) await query(`create role ${quoteIdentifier(owner)} nologin noinherit`)
    await query(markRole(owner, mark))
    await query(becomeMember(owner, version))
  })
}
