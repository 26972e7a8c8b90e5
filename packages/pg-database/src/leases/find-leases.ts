import { TenancyError, tenantDigest } from '@tenantry/core'
import type { Broker } from './broker.ts'
import { leaseMarkStart, readLeaseMark } from './lease-mark.ts'

/** A login as the server knows it. */
export interface Lease {
  readonly name: string
  /** The digest of the tenant's id. */
  readonly tenant: string
}

interface Row {
  readonly name: string
  readonly mark: string | null
}

/**
 * The leases of a server, of any process: its catalogue is the ledger. Since version 16 those that the broker may end; before that it
 * may end every one.
 *
 * @param which - `ended` by the server's clock, or because somebody has begun to revoke them.
 */
export async function findLeases(broker: Broker, which: 'all' | 'ended'): Promise<readonly Lease[]> {
  const ended = which === 'all' ? '' : 'and (r.rolvaliduntil <= now() or not r.rolcanlogin)'
  const { rows } = await broker.transaction(query =>
    query<Row>(
      `select r.rolname as name, d.description as mark
         from pg_shdescription d join pg_roles r on r.oid = d.objoid
        where d.classoid = 'pg_authid'::regclass and starts_with(d.description, $1) and not r.rolsuper ${ended}
          and (current_setting('server_version_num')::int < 160000 or pg_has_role(r.oid, 'MEMBER WITH ADMIN OPTION'))`,
      [leaseMarkStart],
    ),
  )
  return rows.flatMap(({ name, mark }) => {
    const tenant = readLeaseMark(name, mark)?.tenant
    return tenant === undefined ? [] : [{ name, tenant }]
  })
}

/**
 * The lease of this name.
 *
 * @returns `undefined` when there is no such role any more.
 * @throws {TenancyError} `OBJECT_FOREIGN` when the role is no lease of this tenant.
 */
export async function findLease(broker: Broker, name: string, tenant: string): Promise<Lease | undefined> {
  const { rows } = await broker.transaction(query =>
    query<Row>(
      `select rolname as name, shobj_description(oid, 'pg_authid') as mark from pg_roles where rolname = $1::text`,
      [name],
    ),
  )
  const [row] = rows
  if (row === undefined) return undefined
  const digest = readLeaseMark(name, row.mark)?.tenant
  if (digest === tenantDigest(tenant)) return { name, tenant: digest }
  const owner = digest === undefined ? 'somebody else' : `the tenant whose id has the digest ${digest}`
  throw new TenancyError('OBJECT_FOREIGN', { kind: 'role', name: JSON.stringify(name), owner })
}
