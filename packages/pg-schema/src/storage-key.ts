import { digestLength, isTenantId, TenancyError, type Tenant, tenantDigest } from '@tenantry/core'

/** How the names of a tenant's objects are made. */
export interface NamingOptions {
  /** What the names of tenants' schemas and roles begin with; with `rolePrefix` at most 37 characters. Default `t_`. */
  readonly keyPrefix?: string
  /**
   * What the names of tenants' roles begin with besides. Roles belong to the whole server, so that two databases with tenants
   * of the same ids need different ones. Default none.
   */
  readonly rolePrefix?: string
  /** The schema of the default tenant, such as `public`: one that is there already, and stays. Default one as any tenant's. */
  readonly defaultSchema?: string
}

/** The names of a tenant's objects in the database. */
export interface StorageNames {
  readonly schema: string
  readonly role: string
}

/** Names the objects of tenants. */
export type Naming = (tenant: Pick<Tenant, 'id' | 'placement' | 'isDefault'>) => StorageNames

// One form that needs no quotes and that nothing folds or cuts: lower-case ASCII, at most 63 bytes (T29; threats S1, S4, S5).
const plain = /^[a-z_][a-z0-9_]{0,62}$/
const reserved = /^(?:pg_|information_schema$)/

/** A tenant's names, and the fields that they were made of. */
interface Named {
  readonly id: string
  readonly isDefault: boolean
  readonly given: string | undefined
  readonly names: StorageNames
}

/**
 * Names by a rule that never changes: the schema is what the tenant's placement says (`placement.schema`), else made of its id;
 * the role is always made of the id, so that a placement with the schema of another tenant reaches nothing.
 *
 * Give it the naming options of `pgSchema`, and it tells what to migrate, to dump, or to store in the placement.
 *
 * @throws {TenancyError} `ARGUMENT_INVALID` for options that break the rule of names. What it gives throws `IDENTIFIER_INVALID` for a
 * placement that does.
 * @example
 * const { schema, role } = storageNames({ defaultSchema: 'public' })(acme) // t_…, t_…
 */
export function storageNames({ keyPrefix = 't_', rolePrefix = '', defaultSchema }: NamingOptions): Naming {
  check('keyPrefix', keyPrefix, /^[a-z_][a-z0-9_]{0,30}$/)
  check('rolePrefix', rolePrefix, /^(?:[a-z_][a-z0-9_]*)?$/)
  checkTogether(rolePrefix, keyPrefix)
  if (defaultSchema !== undefined) check('defaultSchema', defaultSchema, plain)

  // A tenant is named before each of its statements. The fields are compared: a source may hand out one object for many.
  const known = new WeakMap<object, Named>()
  return tenant => {
    const { id, isDefault } = tenant
    const given = tenant.placement?.schema
    const before = known.get(tenant)
    if (before !== undefined && before.id === id && before.isDefault === isDefault && before.given === given)
      return before.names
    if (!isTenantId(id)) throw new TenancyError('ARGUMENT_INVALID', { field: 'tenant.id', rule: 'must be a tenant id' })
    const own = `${keyPrefix}${tenantDigest(id)}`
    const names = { schema: schemaOf(), role: `${rolePrefix}${own}` }
    known.set(tenant, { id, isDefault, given, names })
    return names

    function schemaOf(): string {
      if (isDefault && defaultSchema !== undefined) return defaultSchema
      if (given === undefined) return own
      if (given !== defaultSchema) return checkStorageKey(given, keyPrefix)
      const rule = 'it is the schema of the default tenant, which this is not'
      throw new TenancyError('IDENTIFIER_INVALID', { identifier: JSON.stringify(given), rule })
    }
  }
}

/**
 * A storage key as it is to be stored in a tenant's `placement.schema`.
 *
 * @throws {TenancyError} `IDENTIFIER_INVALID` unless it begins with the prefix (T28), is lower-case letters, digits and `_` only, and
 * has at most 63 bytes (T29).
 * @example
 * registry.add({ slug: 'example', name: 'Example', placement: { schema: checkStorageKey('t_example') } })
 */
export function checkStorageKey(key: string, keyPrefix = 't_'): string {
  const rule = brokenRule(key, keyPrefix)
  if (rule === undefined) return key
  throw new TenancyError('IDENTIFIER_INVALID', { identifier: JSON.stringify(String(key).slice(0, 80)), rule })
}

function brokenRule(key: unknown, keyPrefix: string): string | undefined {
  if (typeof key !== 'string') return 'it is no text'
  const bytes = Buffer.byteLength(key)
  if (bytes > 63) return `it has ${bytes} bytes, and Postgres keeps 63`
  if (!plain.test(key)) return 'it must be lower-case letters, digits and "_", and not begin with a digit'
  if (reserved.test(key)) return "such names are the server's own"
  return key.startsWith(keyPrefix) && key !== keyPrefix ? undefined : `it must begin with "${keyPrefix}" and go on`
}

function checkTogether(rolePrefix: string, keyPrefix: string): void {
  const length = rolePrefix.length + keyPrefix.length
  if (length <= 63 - digestLength && isPlainName(`${rolePrefix}${keyPrefix}a`)) return
  const rule = `together with keyPrefix it must have at most ${63 - digestLength} characters, and be none of the server's own`
  throw new TenancyError('ARGUMENT_INVALID', { field: 'rolePrefix', rule })
}

/** Whether a name needs no quotes and is folded, cut and reserved by nobody. */
export function isPlainName(name: unknown): name is string {
  return typeof name === 'string' && plain.test(name) && !reserved.test(name)
}

function check(field: string, value: unknown, rule: RegExp): void {
  if (typeof value === 'string' && rule.test(value) && !reserved.test(value)) return
  throw new TenancyError('ARGUMENT_INVALID', {
    field,
    rule: 'must be lower-case letters, digits and "_", short enough for names of 63 bytes, and none of the server\'s own',
  })
}
