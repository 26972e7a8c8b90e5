import { isTenantId, TenancyError, type Tenant } from '@tenantry/core'

/** How the keys of tenants begin. */
export interface KeyspaceOptions {
  /** Tells these keys from other keys of the same server: 1–32 of `[A-Za-z0-9_-]`. Default `t`. */
  readonly namespace?: string
  /**
   * Puts the tenant into a hash tag, so that on a cluster all its keys lie in one slot: commands with several keys, transactions and
   * scripts work, and braces in keys mean nothing. The price is that a tenant cannot be larger than one node. Default `false`: braces
   * in keys mean what they always do.
   */
  readonly hashTag?: boolean
}

/** The part of a server's keys, channels and patterns that belongs to one tenant. */
export interface Keyspace {
  /** The tenant's id. */
  readonly tenant: string
  /** What its keys and channels begin with: `t:acme:`, or `{t:acme}:` with a hash tag. */
  readonly prefix: string
  /** The name as it stands on the server. */
  wrap(name: string | Buffer): string | Buffer
  /** The name as the tenant knows it; `undefined` for one that is not the tenant's. */
  unwrap<Name extends string | Buffer>(name: Name): Name | undefined
}

/**
 * The key spaces of tenants. Injective: neither a namespace nor an id can hold the colon that ends it, so that no two pairs of tenant
 * and key have one name (threats C2), and none of what a pattern could read as a wildcard (C15).
 *
 * @throws {TenancyError} `ARGUMENT_INVALID` for a namespace against the rule. What it gives throws `ARGUMENT_INVALID` for an id that is
 * no tenant's.
 * @example
 * keyspaces()(acme).wrap('session:1') // 't:acme:session:1'
 */
export function keyspaces({
  namespace = 't',
  hashTag = false,
}: KeyspaceOptions = {}): (tenant: Pick<Tenant, 'id'>) => Keyspace {
  if (typeof namespace !== 'string' || !/^[A-Za-z0-9_-]{1,32}$/.test(namespace)) {
    throw new TenancyError('ARGUMENT_INVALID', {
      field: 'namespace',
      rule: 'must be 1–32 of A–Z, a–z, 0–9, "_" and "-"',
    })
  }
  // A tenant is asked for before each command. The id is compared: a source may hand out one object for many.
  const known = new WeakMap<object, Keyspace>()
  return tenant => {
    const before = known.get(tenant)
    if (before !== undefined && before.tenant === tenant.id) return before
    const { id } = tenant
    if (!isTenantId(id)) throw new TenancyError('ARGUMENT_INVALID', { field: 'tenant.id', rule: 'must be a tenant id' })
    const space = keyspace(id, hashTag ? `{${namespace}:${id}}:` : `${namespace}:${id}:`)
    known.set(tenant, space)
    return space
  }
}

function keyspace(tenant: string, prefix: string): Keyspace {
  const bytes = Buffer.from(prefix)
  return {
    tenant,
    prefix,
    wrap: name => (typeof name === 'string' ? prefix + name : Buffer.concat([bytes, name])),
    unwrap<Name extends string | Buffer>(name: Name): Name | undefined {
      if (typeof name === 'string') return name.startsWith(prefix) ? (name.slice(prefix.length) as Name) : undefined
      return name.subarray(0, bytes.length).equals(bytes) ? (name.subarray(bytes.length) as Name) : undefined
    },
  }
}
