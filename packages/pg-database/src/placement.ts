import { isTenantId, TenancyError, type Tenant, tenantDigest } from '@tenantry/core'

/** A server for tenants' databases: coordinates, never credentials. */
export interface DatabaseServer {
  readonly host: string
  /** Default 5432. */
  readonly port?: number
  /** As `pg.ClientConfig.ssl`. Over a network say what proves the server (`verify-full`), or another can pose as it. Default none. */
  readonly ssl?: boolean | { readonly ca?: string; readonly rejectUnauthorized?: boolean; readonly servername?: string }
  /** For the policy that places tenants, and for people. */
  readonly region?: string
  readonly jurisdiction?: string
}

/** Where a tenant's database is: what its `placement` says, checked. */
export interface DatabasePlacement {
  /** A name of the configured servers. */
  readonly server: string
  readonly database: string
  /** Goes up when the tenant moves, so that nobody with an old placement reaches the old database. A whole number as text. */
  readonly epoch: string
}

/** How the names of databases and roles are made. */
export interface DatabaseNaming {
  /** What the names of tenants' databases and roles begin with; at most 31 characters. Default `t_`. */
  readonly keyPrefix?: string
}

/** What a policy knows when it places a tenant. */
export type TenantToPlace = Pick<Tenant, 'id'> & Partial<Pick<Tenant, 'slug' | 'name' | 'settings'>>

// One form that needs no quotes and that nothing folds or cuts (threats D8, S5).
const plain = /^[a-z_][a-z0-9_]{0,62}$/
const reserved = /^(?:pg_|template[01]$|postgres$)/

/** @throws {TenancyError} `ARGUMENT_INVALID` */
export function checkPrefix(keyPrefix: string): string {
  if (/^[a-z_][a-z0-9_]{0,30}$/.test(keyPrefix) && !reserved.test(keyPrefix)) return keyPrefix
  const rule = 'must be 1–31 lower-case letters, digits and "_", beginning with no digit'
  throw new TenancyError('ARGUMENT_INVALID', { field: 'keyPrefix', rule })
}

/** The name of a tenant's owner role, and of its database unless the placement says another. Made of the id alone. */
export function ownName(id: string, keyPrefix: string): string {
  if (!isTenantId(id)) throw new TenancyError('ARGUMENT_INVALID', { field: 'tenant.id', rule: 'must be a tenant id' })
  return `${keyPrefix}${tenantDigest(id)}`
}

/**
 * Chooses a tenant's server by a policy, once, when the tenant is created: store what it gives in the tenant's `placement`. Nothing
 * computes it again.
 *
 * @param choose - names one of the servers.
 * @throws {TenancyError} `PLACEMENT_INVALID` when the policy names no server that there is. What the policy throws.
 * @example
 * const place = placeTenants(servers, ({ settings }) => (settings?.country === 'CH' ? 'zurich' : 'dublin'))
 * registry.add({ id, slug: 'acme', name: 'Acme', placement: place({ id }) })
 */
export function placeTenants<Name extends string>(
  servers: Readonly<Record<Name, DatabaseServer>>,
  choose: (tenant: TenantToPlace, servers: Readonly<Record<Name, DatabaseServer>>) => Name,
  { keyPrefix = 't_' }: DatabaseNaming = {},
): (tenant: TenantToPlace) => Readonly<Record<string, string>> {
  const prefix = checkPrefix(keyPrefix)
  return tenant => {
    const server = choose(tenant, servers)
    if (!Object.hasOwn(servers, server)) {
      const problem = `the policy chose the server ${JSON.stringify(server)}, which is not configured`
      throw new TenancyError('PLACEMENT_INVALID', { tenant: tenant.id, problem })
    }
    const { region, jurisdiction } = servers[server]
    return {
      isolation: 'database',
      ...{ server, database: ownName(tenant.id, prefix), epoch: '1' },
      ...(region === undefined ? {} : { region }),
      ...(jurisdiction === undefined ? {} : { jurisdiction }),
    }
  }
}

/**
 * The placement of a tenant, if it leads anywhere. Nothing of it is guessed.
 *
 * @throws {TenancyError} `PLACEMENT_INVALID`
 */
export function placementOf(
  tenant: Pick<Tenant, 'id' | 'placement'>,
  servers: Readonly<Record<string, DatabaseServer>>,
  keyPrefix: string,
): DatabasePlacement {
  const { server, database, epoch = '1' } = tenant.placement ?? {}
  const problem = problemOf()
  if (problem !== undefined) throw new TenancyError('PLACEMENT_INVALID', { tenant: tenant.id, problem })
  return { server, database, epoch } as DatabasePlacement

  function problemOf(): string | undefined {
    if (server === undefined) return 'it names no server'
    if (typeof server !== 'string' || !Object.hasOwn(servers, server))
      return `there is no server ${JSON.stringify(server)}; configured are ${Object.keys(servers).join(', ')}`
    if (database === undefined) return 'it names no database'
    if (typeof database !== 'string' || !plain.test(database) || reserved.test(database))
      return `${JSON.stringify(database)} is no name for a database: lower-case letters, digits and "_", at most 63 bytes, none of the server's own`
    if (!database.startsWith(keyPrefix) || database === keyPrefix)
      return `the name of the database ${database} must begin with "${keyPrefix}" and go on`
    return typeof epoch === 'string' && /^[1-9][0-9]{0,15}$/.test(epoch)
      ? undefined
      : 'its epoch must be a whole number above 0, as text'
  }
}
