import { setTimeout as sleep } from 'node:timers/promises'
import { type CredentialSource, type LoginTarget, TenancyError, type Tenant, tenantDigest } from '@tenantry/core'
import { checkDeadline, type Query, quoteIdentifier } from '@tenantry/pg'
import { lockStore, lookAt } from './look-at.ts'
import { markText } from './mark.ts'
import { becomeMember, leaveAfter, leaveMembership } from './memberships.ts'
import { asProvisioner, type ProvisionedServer } from './provisioner.ts'

/** What suspending needs to know. */
export interface SuspensionTerms {
  readonly at: ProvisionedServer
  readonly target: LoginTarget
  readonly source: CredentialSource
}

/** Milliseconds behind the deadline in which sessions that are ended must be gone. */
const patience = 5_000
// A session that was let in just before the door was closed is seen a moment later; see `endSessions`.
const quiet = 100

/**
 * Lets no login of a tenant connect to its database any more, and ends those that are in it: who is in no transaction, and past the
 * deadline everybody. The database takes connections of others, which tells it from one that is being erased. A tenant that has no
 * database needs no fence.
 *
 * @throws {TenancyError} `SUSPENSION_INCOMPLETE` when a session does not end, `OBJECT_FOREIGN`, `ARGUMENT_INVALID`,
 * `TENANT_PROTECTED` for the default tenant, `CREDENTIALS_UNAVAILABLE` while leases cannot be revoked, `DATABASE_UNAVAILABLE`,
 * `CONNECTION_LOST`, `CONFIG_INVALID`.
 */
export async function suspendDatabase(
  tenant: Pick<Tenant, 'id' | 'isDefault'>,
  deadline: number,
  { at, target, source }: SuspensionTerms,
): Promise<void> {
  checkDeadline(deadline)
  if (tenant.isDefault) throw new TenancyError('TENANT_PROTECTED', { tenant: tenant.id, action: 'suspended' })
  const mark = { tenant: tenantDigest(tenant.id) }
  await asProvisioner(at, undefined, async query => {
    await query(lockStore(target.owner))
    const { database, invalid, version } = await lookAt(query, target, mark)
    if (!database || invalid) return
    const roles = [target.owner, ...(await standingLogins(query, mark))]
    for (const role of roles) await query(becomeMember(role, version))
    try {
      await expel(query, { target, source, end: performance.now() + deadline })
    } finally {
      for (const role of roles) await leaveAfter(query, role, version)
    }
  })
}

/** Lets the tenant's logins connect again. @throws {TenancyError} as {@link suspendDatabase} */
export async function resumeDatabase(
  tenant: Pick<Tenant, 'id'>,
  { at, target }: Pick<SuspensionTerms, 'at' | 'target'>,
): Promise<void> {
  await asProvisioner(at, undefined, async query => {
    await query(lockStore(target.owner))
    const { database, invalid, version } = await lookAt(query, target, { tenant: tenantDigest(tenant.id) })
    if (!database || invalid) return
    const name = quoteIdentifier(target.owner)
    await query(becomeMember(target.owner, version))
    try {
      await query(`grant connect on database ${quoteIdentifier(target.database)} to ${name}`)
    } finally {
      await query(leaveMembership(target.owner, version))
    }
  })
}

async function standingLogins(query: Query, mark: { readonly tenant: string }): Promise<readonly string[]> {
  const { rows } = await query<{ name: string }>(
    `select rolname as name from pg_roles where shobj_description(oid, 'pg_authid') = $1`,
    [markText({ ...mark, login: true })],
  )
  return rows.map(({ name }) => name)
}

interface Session {
  readonly pid: number
  /** Whether it is in a transaction: then it holds the lock on its own virtual id (`pg_locks`), which everybody may see. */
  readonly busy: boolean
  /** Whether the provisioner may end it. */
  readonly ours: boolean
}

async function expel(
  query: Query,
  { target, source, end }: Pick<SuspensionTerms, 'target' | 'source'> & { readonly end: number },
): Promise<void> {
  for (let unseen = 0; unseen < 2; ) {
    // In each turn: who is still in acts as the owner, and may let itself in again.
    await close(query, target)
    const sessions = await sessionsOf(query, target)
    const isOver = performance.now() >= end
    unseen = sessions.length === 0 ? unseen + 1 : 0
    if (unseen === 2) break
    const idle = sessions.every(({ busy }) => !busy)
    // Leased logins are ended by who has made them, all at once.
    if (isOver || idle) await source.revokeAll?.(target)
    const ending = sessions.filter(({ busy, ours }) => ours && (isOver || !busy)).map(({ pid }) => pid)
    if (ending.length > 0) await query('select pg_terminate_backend(pid) from unnest($1::int[]) pid', [ending])
    if (performance.now() > end + patience) {
      const reason = `${sessions.length} sessions of its logins have not ended`
      throw new TenancyError('SUSPENSION_INCOMPLETE', { tenant: target.tenant, isolation: 'pg-database', reason })
    }
    await sleep(sessions.length > 0 ? quiet / 5 : quiet)
  }
}

/** Nobody who acts as the owner may connect, nor everybody. What others have been granted by name, such as who makes backups, stays. */
async function close(query: Query, { database, owner }: LoginTarget): Promise<void> {
  const { rows } = await query<{ grantee: string }>(
    `select distinct case a.grantee when 0 then 'public' else quote_ident(pg_get_userbyid(a.grantee)) end as grantee
       from pg_database d cross join aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a left join pg_roles r on r.oid = a.grantee
      where d.datname = $1 and a.privilege_type = 'CONNECT' and (a.grantee = 0 or pg_has_role(r.oid, $2, 'MEMBER') and not r.rolsuper)`,
    [database, owner],
  )
  if (rows.length === 0) return
  await query(
    `revoke connect on database ${quoteIdentifier(database)} from ${rows.map(({ grantee }) => grantee).join(', ')} cascade`,
  )
}

/** Of those who act as the owner, and of logins that are gone. */
async function sessionsOf(query: Query, { database, owner }: LoginTarget): Promise<readonly Session[]> {
  const { rows } = await query<Session>(
    `select s.pid, exists (select from pg_locks l where l.pid = s.pid and l.locktype = 'virtualxid' and l.mode = 'ExclusiveLock') as busy,
            coalesce(pg_has_role(r.oid, 'USAGE'), false) as ours
       from pg_stat_activity s left join pg_roles r on r.oid = s.usesysid
      where s.datname = $1 and s.usesysid is not null and s.pid <> pg_backend_pid()
        and (r.oid is null or pg_has_role(r.oid, $2, 'MEMBER') and not r.rolsuper and r.rolname <> current_user)`,
    [database, owner],
  )
  return rows
}
