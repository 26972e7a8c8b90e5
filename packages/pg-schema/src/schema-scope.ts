import { TenancyError } from '@tenantry/core'
import { type Scope, shareFence } from '@tenantry/pg'
import { saysSuspended } from './mark.ts'
import type { Naming, StorageNames } from './storage-key.ts'

/** Options of {@link schemaScope}. */
export interface SchemaScopeOptions {
  readonly naming: Naming
  /** Checked names. */
  readonly extensions: readonly string[]
  /** Whether each tenant has a role. */
  readonly roles: boolean
}

// A server process learns what others have granted and revoked when it locks a table (and then knows it from memory). It may have begun
// its transaction before the fence was raised: so it locks one, behind the fence's own lock. The function does it and nothing else.
const learn = `pg_catalog.pg_relation_is_updatable('pg_catalog.pg_namespace'::pg_catalog.regclass, false) is not null`

/**
 * The tenant's schema, and no other with tables in it, as `search_path`; then the tenant's role. Temporary objects come last, or
 * they would stand in front of tables (threats R26, S3).
 */
export function schemaScope({ naming, extensions, roles }: SchemaScopeOptions): Scope {
  const rest = [...extensions, 'pg_temp'].join()
  const schema = `pg_catalog.left($1, ${-rest.length - 1})`
  // The names of a tenant are one object for as long as they are the same, and a text that is made once is faster to compare.
  const known = new WeakMap<StorageNames, readonly string[]>()
  function valuesOf(names: StorageNames): readonly string[] {
    const path = `${names.schema},${rest}`
    const values = Object.freeze(roles ? [path, names.role] : [path])
    known.set(names, values)
    return values
  }
  return {
    settings: roles ? ['search_path', 'role'] : ['search_path'],
    values(tenant) {
      const names = naming(tenant)
      return known.get(names) ?? valuesOf(names)
    },
    // Schemas that are missing, or that the role may not use, are left out of the path without a word. Not `current_schema()`: it
    // makes the schema of temporary objects when there is no other.
    condition: `pg_catalog.has_schema_privilege(${schema}, 'USAGE')`,
    fence: {
      admits: `${shareFence(schema)} and ${learn}`,
      // As of the statement's snapshot, which may be a moment older than the fence: then the refusal has the other code.
      raised: saysSuspended(
        `pg_catalog.obj_description(pg_catalog.to_regnamespace(${schema})::pg_catalog.oid, 'pg_namespace')`,
      ),
    },
    refusal(tenant, error) {
      const { schema, role } = naming(tenant)
      // invalid_schema_name; invalid_parameter_value: no such role, or the condition; insufficient_privilege: no member of the role.
      const reasons: Readonly<Record<string, string | undefined>> = {
        '3F000': `there is no schema ${schema}`,
        '22023': roles
          ? `there is no role ${role}, or it may not use the schema ${schema}`
          : `the schema ${schema} may not be used`,
        ...(roles && { '42501': `the runtime role is no member of the role ${role}` }),
      }
      const reason = reasons[error.code ?? '']
      if (reason === undefined) return undefined
      return new TenancyError(
        'TENANT_STORE_MISSING',
        { tenant: tenant.id, isolation: 'pg-schema', reason },
        { cause: error },
      )
    },
    // The same text means another table for each tenant.
    preparePerTenant: true,
  }
}
