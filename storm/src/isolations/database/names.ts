import { randomBytes } from 'node:crypto'
import { type Tenant, tenantDigest } from '@tenantry/core'

/** The servers, as placements name them. */
export const serverNames = ['one', 'two'] as const
export type ServerName = (typeof serverNames)[number]

/** What the names of all databases and roles of this process's storms begin with: they belong to the servers. */
export const keyPrefix = `s${randomBytes(3).toString('hex')}_`
/** The same of leased logins. */
export const leasePrefix = `${keyPrefix}l_`

/** The role that owns a tenant's database. */
export function ownerOf({ id }: Pick<Tenant, 'id'>): string {
  return `${keyPrefix}${tenantDigest(id)}`
}

/** What the names of a tenant's leased logins begin with. */
export function loginsOf({ id }: Pick<Tenant, 'id'>): string {
  return `${leasePrefix}${tenantDigest(id)}_`
}

/** A tenant's place. Every fifth has a database of another name than its role, and has moved a few times. */
export function placementAt(at: number, id: string): Readonly<Record<string, string>> {
  const server = serverNames[at % 2] as ServerName
  if (at % 5 === 0) return { server, database: `${keyPrefix}placed_${at}`, epoch: '7' }
  return { server, database: ownerOf({ id }), epoch: '1' }
}
