import type { Erasure } from '@tenantry/core'
import { type Query, quoteIdentifier } from '@tenantry/pg'
import type { StoreNames } from './look-at.ts'
import { markText } from './mark.ts'
import { becomeMember } from './memberships.ts'

/** Drops a tenant's database, its standing logins and its owner role, as far as they are there; ends whoever is connected. */
export async function dropStore(
  query: Query,
  { database, owner }: StoreNames,
  version: number,
  tenant: string,
): Promise<Erasure['erased']> {
  const erased: { kind: string; name: string; count: number }[] = []
  await query(becomeMember(owner, version))
  const { rows: logins } = await query<{ name: string }>(
    `select r.rolname as name from pg_roles r where shobj_description(r.oid, 'pg_authid') = $1`,
    [markText({ tenant, login: true })],
  )
  // Nobody else gets in, and whoever is in can be ended by a member of their role.
  for (const { name } of logins) {
    await query(`alter role ${quoteIdentifier(name)} nologin`)
    await query(becomeMember(name, version))
  }
  // Somebody else may have made one of that name since it was looked at, even one that the provisioner could drop.
  const there = await query(`select from pg_database where datname = $1 and pg_get_userbyid(datdba) = $2`, [
    database,
    owner,
  ])
  if (there.rows.length > 0) {
    await query(`alter database ${quoteIdentifier(database)} with allow_connections false`)
    await query(`drop database ${quoteIdentifier(database)} with (force)`)
    erased.push({ kind: 'database', name: database, count: 1 })
  }
  for (const { name } of logins) {
    await query(`drop role ${quoteIdentifier(name)}`)
    erased.push({ kind: 'role', name, count: 1 })
  }
  await query(`drop role ${quoteIdentifier(owner)}`)
  return [...erased, { kind: 'role', name: owner, count: 1 }]
}
