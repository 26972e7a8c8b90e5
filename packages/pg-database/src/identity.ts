import { TenancyError } from '@tenantry/core'
import type pg from 'pg'
import type { DatabasePlacement } from './placement.ts'

/** Where the identity of a database stands: in a schema that the tenant's role may read and not change. */
export const identityTable = 'tenantry.identity'

/** Statements that make the identity of a database; as the provisioner, in the tenant's database. `$1` the tenant, `$2` the epoch. */
export const identityDdl = (owner: string): string => `
create schema if not exists tenantry;
create table if not exists ${identityTable} (
  only_row boolean primary key default true check (only_row),
  tenant text not null,
  epoch bigint not null
);
revoke all on schema tenantry from public;
grant usage on schema tenantry to ${owner};
grant select on ${identityTable} to ${owner}`

const question = `select tenant, epoch::pg_catalog.text as epoch, pg_catalog.current_database() as database from ${identityTable}`

/**
 * Sees that a connection has reached the tenant's database: a server's name may lead elsewhere, a backup may have been restored into
 * the wrong place, a placement may be of yesterday (threats D1, D2, D7, D13). Names that are too long the server cuts (D8), which is
 * why it is asked for the database's.
 *
 * @throws {TenancyError} `IDENTITY_MISMATCH`
 */
export async function checkIdentity(
  client: pg.ClientBase,
  tenant: string,
  placement: DatabasePlacement,
): Promise<void> {
  const { server, database, epoch } = placement
  const found = await askIdentity(client)
  const wrong = (what: string) => new TenancyError('IDENTITY_MISMATCH', { tenant, server, database, found: what })
  if (typeof found === 'string') throw wrong(found)
  if (found.database !== database) throw wrong(`it calls itself "${found.database}"`)
  if (found.tenant !== tenant) throw wrong("it is another tenant's")
  if (found.epoch !== epoch) throw wrong(`it is of the placement epoch ${found.epoch}, not ${epoch}`)
}

interface Identity {
  readonly tenant: string
  readonly epoch: string
  readonly database: string
}

/** The identity, or why there is none. */
async function askIdentity(client: pg.ClientBase): Promise<Identity | string> {
  try {
    const { rows } = await client.query<Identity>(question)
    return rows.length === 1 ? (rows[0] as Identity) : `it has ${rows.length} identities`
  } catch (error) {
    const { code = '' } = error as { code?: string }
    // undefined_table, invalid_schema_name, insufficient_privilege
    if (/^(?:42P01|3F000|42501)$/.test(code)) return `it has no identity that the login may read (SQLSTATE ${code})`
    throw error
  }
}
