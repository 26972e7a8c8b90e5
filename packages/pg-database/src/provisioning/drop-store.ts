import type { Erasure } from '@tenantry/core'
import { type Query, quoteIdentifier } from '@tenantry/pg'
import type { StoreNames } from './look-at.ts'
import { markText } from './mark.ts'
import { becomeMember } from './memberships.ts'

/**
 * Drops a tenant's database, its standing logins and its owner role, as far as they are there; ends whoever is connected.
 *
 * @param expel - ends leased logins and their sessions, which the provisioner may not: whoever came in before the door was closed.
 */
export async function dropStore(
  query: Query,
  { database, owner }: StoreNames,
  { version, tenant, expel }: { version: number; tenant: string; expel: () => Promise<unknown> },
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
  const { rows: there } = await query<{ invalid: boolean }>(
    'select datconnlimit = -2 as invalid from pg_database where datname = $1 and pg_get_userbyid(datdba) = $2',
    [database, owner],
  )
  if (there[0] !== undefined) {
    // One whose drop was interrupted takes no connections, and no change.
    if (!there[0].invalid) await query(`alter database ${quoteIdentifier(database)} with allow_connections false`)
    await dropClosed(query, database, expel)
    erased.push({ kind: 'database', name: database, count: 1 })
  }
  for (const { name } of logins) {
    await query(`drop role ${quoteIdentifier(name)}`)
    erased.push({ kind: 'role', name, count: 1 })
  }
  await query(`drop role ${quoteIdentifier(owner)}`)
  return [...erased, { kind: 'role', name: owner, count: 1 }]
}

/** Whoever is just being turned away at the door counts as connected for as long as that takes, and cannot be ended by the provisioner. */
async function dropClosed(query: Query, database: string, expel: () => Promise<unknown>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    await expel()
    try {
      await query(`drop database ${quoteIdentifier(database)} with (force)`)
      return
    } catch (error) {
      // insufficient_privilege
      if (attempt === 20 || (error as { code?: string }).code !== '42501') throw error
      await new Promise(resolve => setTimeout(resolve, 5 * attempt * (0.5 + Math.random())))
    }
  }
}
