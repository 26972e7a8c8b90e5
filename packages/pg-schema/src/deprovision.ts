import { type Erasure, TenancyError, type Tenant, tenantDigest } from '@tenantry/core'
import type { Query } from '@tenantry/pg'
import { inTransaction, quoteIdentifier, quoteQualified } from '@tenantry/pg'
import { dependentsOutside, uncountable, usesOfRole } from './dependents.ts'
import { isThereAsOwn, isUnfinished } from './mark.ts'
import { lookAt, type ProvisionTerms } from './provision.ts'
import { lockSchema, lockTables } from './schema-lock.ts'

/**
 * Drops a tenant's schema and role, with all that is in them, in one transaction. Idempotent.
 *
 * @throws {TenancyError} `OBJECT_FOREIGN` for what it has not made, `TENANT_PROTECTED` for the default tenant, `ERASURE_INCOMPLETE` when
 * something outside depends on the schema, which would go with it, or on the role, or the rows of a table cannot be counted;
 * `DATABASE_UNAVAILABLE`, `CONNECTION_LOST`.
 */
export async function dropSchema(
  tenant: Tenant,
  { provisioner, names, roles, runtime }: Pick<ProvisionTerms, 'provisioner' | 'names' | 'roles' | 'runtime'>,
): Promise<Erasure> {
  if (tenant.isDefault) throw new TenancyError('TENANT_PROTECTED', { tenant: tenant.id, action: 'deprovisioned' })
  const { schema, role } = names
  return inTransaction(provisioner, async query => {
    await query(lockSchema(schema))
    const { database, version, ...found } = await lookAt(query, names, runtime)
    const erased: { kind: string; name: string; count: number }[] = []
    const mark = { tenant: tenantDigest(tenant.id) }
    if (isUnfinished(found.schema, mark) || isThereAsOwn('schema', schema, found.schema, mark)) {
      await lockTables(query, schema)
      const dependents = [...(await dependentsOutside(query, schema)), ...(await uncountable(query, schema))]
      if (dependents.length > 0)
        throw new TenancyError('ERASURE_INCOMPLETE', { tenant: tenant.id, objects: dependents })
      erased.push(...(await countRows(query, schema)), { kind: 'schema', name: schema, count: 1 })
      await query(`drop schema ${quoteIdentifier(schema)} cascade`)
    }
    if (roles && isThereAsOwn('role', role, found.role, { tenant: tenantDigest(tenant.id), database })) {
      const uses = await usesOfRole(query, role)
      if (uses.length > 0) throw new TenancyError('ERASURE_INCOMPLETE', { tenant: tenant.id, objects: uses })
      erased.push(...(await dropOwned(query, role, version)))
      await query(`drop role ${quoteIdentifier(role)}`)
      erased.push({ kind: 'role', name: role, count: 1 })
    }
    return { tenant: tenant.id, erased }
  })
}

/**
 * Drops what a role owns beside its schema: large objects, temporary tables, privileges that it gives by default. A tenant can make
 * them, and the role would stay for them.
 */
async function dropOwned(query: Query, role: string, version: number): Promise<Erasure['erased']> {
  const name = quoteIdentifier(role)
  const { rows } = await query(
    `select pg_describe_object(d.classid, d.objid, 0) as name from pg_shdepend d
      where d.refclassid = 'pg_authid'::regclass and d.refobjid = (select oid from pg_roles where rolname = $1) and d.deptype = 'o'
        and d.dbid = (select oid from pg_database where datname = current_database()) order by 1`,
    [role],
  )
  if (rows.length === 0) return []
  await query(`grant ${name} to current_user${version >= 160000 ? ' with inherit true' : ''}; drop owned by ${name}`)
  return rows.map(row => ({ kind: 'object', name: String(row.name), count: 1 }))
}

/** Each table with how many rows go with it. */
async function countRows(query: Query, schema: string): Promise<Erasure['erased']> {
  const { rows } = await query(
    `select relname as name, relforcerowsecurity as forced from pg_class where relnamespace = $1::regnamespace and relkind in ('r', 'm') order by 1`,
    [quoteIdentifier(schema)],
  )
  if (rows.length === 0) return []
  // Rows that a policy hides from the owner too go as well.
  const forced = rows.filter(row => row.forced === true).map(({ name }) => quoteQualified(schema, String(name)))
  if (forced.length > 0)
    await query(forced.map(table => `alter table only ${table} no force row level security`).join(';\n'))
  const counts = rows.map(({ name }) => `(select count(*) from only ${quoteQualified(schema, String(name))})::float8`)
  // One array, since a row has at most 1,664 columns.
  const counted = await query(`select array[${counts.join(', ')}] as counts`)
  const numbers = counted.rows[0]?.counts as readonly number[]
  return rows.map(({ name }, at) => ({ kind: 'table', name: `${schema}.${name}`, count: numbers[at] ?? 0 }))
}
