import { type Holding, type LoginTarget, type Tenant, tenantDigest } from '@tenantry/core'
import { type Query, quoteIdentifier } from '@tenantry/pg'
import { readLeaseMark } from '../leases/lease-mark.ts'
import { counterOf, countRows } from './count-rows.ts'
import { lockStore, lookAt } from './look-at.ts'
import { markText } from './mark.ts'
import { becomeMember, leaveAfter } from './memberships.ts'
import { asProvisioner, type ProvisionedServer } from './provisioner.ts'

/**
 * What there is of a tenant: tables with how many rows each has, the database, its logins, leases among them, and the owner role. The
 * login that counts is gone again afterwards.
 *
 * @throws {TenancyError} `OBJECT_FOREIGN`, `ERASURE_INCOMPLETE` for rows that cannot be counted, `DATABASE_UNAVAILABLE`,
 * `CONNECTION_LOST`, `CONFIG_INVALID`.
 */
export async function databaseInventory(
  tenant: Pick<Tenant, 'id'>,
  { at, target }: { readonly at: ProvisionedServer; readonly target: LoginTarget },
): Promise<readonly Holding[]> {
  const mark = { tenant: tenantDigest(tenant.id) }
  return asProvisioner(at, undefined, async query => {
    await query(lockStore(target.owner))
    const { owner, database, open, version } = await lookAt(query, target, mark)
    if (owner === 'none') return []
    const held: Holding[] = []
    if (database && open) {
      await query(becomeMember(target.owner, version))
      try {
        held.push(...(await countRows(query, at, target, mark, version, 'as it is')))
      } finally {
        await dropCounter(query, target)
        await leaveAfter(query, target.owner, version)
      }
    }
    if (database) held.push({ kind: 'database', name: target.database, count: 1 })
    const { rows } = await query<{ name: string; mark: string }>(
      `select r.rolname as name, shobj_description(r.oid, 'pg_authid') as mark
         from pg_auth_members m join pg_roles r on r.oid = m.member join pg_roles o on o.oid = m.roleid
        where o.rolname = $1 and shobj_description(r.oid, 'pg_authid') is not null order by 1`,
      [target.owner],
    )
    const standing = markText({ ...mark, login: true })
    for (const { name, mark: comment } of rows) {
      if (comment === standing) held.push({ kind: 'role', name, count: 1 })
      else if (readLeaseMark(name, comment)?.tenant === mark.tenant) held.push({ kind: 'lease', name, count: 1 })
    }
    return [...held, { kind: 'role', name: target.owner, count: 1 }]
  })
}

async function dropCounter(query: Query, { database, owner }: LoginTarget): Promise<void> {
  const name = counterOf(owner)
  const { rows } = await query('select from pg_roles where rolname = $1', [name])
  if (rows.length === 0) return
  const counter = quoteIdentifier(name)
  await query(`revoke connect on database ${quoteIdentifier(database)} from ${counter}; drop role ${counter}`)
}
