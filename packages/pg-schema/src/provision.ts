import { isTenancyError, TenancyError, type Tenant, tenantDigest } from '@tenantry/core'
import type { Query } from '@tenantry/pg'
import { errorText, inTransaction, quoteIdentifier, withinTransaction } from '@tenantry/pg'
import pg from 'pg'
import { isSuspended, isThereAsOwn, isUnfinished, type Marked, markSchema, markText, readMark } from './mark.ts'
import { grantMembership, grantUse, grantUseOfOwn, revokeUsage } from './privileges.ts'
import { lockSchema } from './schema-lock.ts'
import type { StorageNames } from './storage-key.ts'
import type { StructureSource } from './structure-source.ts'
import { fillFromTemplate, type TemplateTerms } from './template.ts'

/** What provisioning needs to know. */
export interface ProvisionTerms {
  /** Of a role that may make schemas and roles, and owns what it makes. */
  readonly provisioner: pg.Pool
  readonly names: StorageNames
  /** Whether the schema was there before, and stays: that of the default tenant. */
  readonly given: boolean
  /** The login of the application. */
  readonly runtime: string
  /** Whether each tenant has a role; otherwise the login itself uses all schemas. */
  readonly roles: boolean
  readonly structure: StructureSource
  readonly template: TemplateTerms
  readonly extensions: readonly string[]
}

interface Found {
  readonly schema: Marked | null
  readonly role: (Marked & { readonly granted: boolean }) | null
  readonly database: string
  readonly version: number
}

/** What there is under the names of a tenant; of a role also whether the login of the application may become it. */
export async function lookAt(query: Query, { schema, role }: StorageNames, runtime: string): Promise<Found> {
  const { rows } = await query(
    `select (select json_build_object('mark', obj_description(oid, 'pg_namespace'), 'owned', pg_has_role(nspowner, 'USAGE'))
               from pg_namespace where nspname = $1) as schema,
            (select json_build_object('mark', shobj_description(oid, 'pg_authid'), 'granted', pg_has_role($3, oid, 'MEMBER'))
               from pg_roles where rolname = $2) as role,
            current_database() as database, current_setting('server_version_num')::int as version`,
    [schema, role, runtime],
  )
  return rows[0] as unknown as Found
}

/**
 * Makes a tenant's schema and role, or what of them is missing, in one transaction. Idempotent.
 *
 * @throws {TenancyError} `OBJECT_FOREIGN`, `TEMPLATE_MISSING`, `TEMPLATE_INVALID`, `CONFIG_INVALID` for a given schema that is not
 * there, `DATABASE_UNAVAILABLE`, `CONNECTION_LOST`, and `PROVISIONING_FAILED` for all else.
 */
export async function provisionSchema(tenant: Tenant, terms: ProvisionTerms): Promise<void> {
  const { provisioner, names, given, runtime, roles, structure } = terms
  const { schema, role } = names
  const mark = { tenant: tenantDigest(tenant.id) }
  let step = 'connecting'
  try {
    await inTransaction(
      provisioner,
      async (query, client) => {
        step = 'looking at what is there'
        await query(lockSchema(schema))
        const { database, version, ...found } = await lookAt(query, names, runtime)
        const hasRole = roles && isThereAsOwn('role', role, found.role, { ...mark, database })
        const unfinished = !given && isUnfinished(found.schema, mark)
        const suspended = !given && isSuspended(found.schema, mark)
        const hasSchema = given
          ? mustBeThere(found.schema, schema)
          : !unfinished && (suspended || isThereAsOwn('schema', schema, found.schema, mark))
        if (given && roles) await mustBeNobodyElses(query, names)
        if (hasRole && found.role?.granted === false) await query(grantMembership(role, runtime, version))
        // A schema that is given may have got tables since.
        if (hasSchema && !given && (hasRole || !roles)) return

        if (roles && !hasRole) {
          step = `making the role ${role}`
          await query(
            [
              `create role ${quoteIdentifier(role)} nologin noinherit`,
              `comment on role ${quoteIdentifier(role)} is ${pg.escapeLiteral(markText({ ...mark, database }))}`,
              grantMembership(role, runtime, version),
            ].join(';\n'),
          )
        }
        const user = roles ? role : runtime
        if (hasSchema) {
          step = `granting the use of the schema ${schema}`
          if (structure.by === 'template' && structure.role !== undefined && !given)
            throw new Error(
              `its role was lost, and what the template grants to ${structure.role} cannot be told any more`,
            )
          await query((given ? await grantUseOfOwn(query, schema, user) : grantUse(schema, user)).join(';\n'))
          if (suspended) await query(revokeUsage(schema, user))
          else await mustBeUsable(query, schema, user)
          return
        }
        step = `making the schema ${schema}`
        // Code of others may end the transaction, and what it has made so far is there then: the mark says that it is not all.
        const making = structure.by === 'template' ? {} : ({ making: true } as const)
        await query(
          [
            ...(unfinished ? [`drop schema ${quoteIdentifier(schema)} cascade`] : []),
            `create schema ${quoteIdentifier(schema)}`,
            markSchema(schema, { ...mark, ...making }),
            setPath(schema, terms.extensions),
          ].join(';\n'),
        )
        step = `filling the schema ${schema}`
        await fill(query, client, terms, schema, user)
        if (structure.by !== 'template') await query(markSchema(schema, mark))
        step = 'committing'
      },
      structure.by === 'template' ? 'kept' : 'used up',
    )
  } catch (error) {
    if (isTenancyError(error)) throw error
    throw new TenancyError(
      'PROVISIONING_FAILED',
      { tenant: tenant.id, step, reason: errorText(error) },
      { cause: error },
    )
  }
}

/** A path for statements that make things: the schema, where extensions are, and temporary objects last. */
export function setPath(schema: string, extensions: readonly string[]): string {
  return `set local search_path = ${[schema, ...extensions, 'pg_temp'].map(quoteIdentifier).join(', ')}`
}

async function fill(
  query: Query,
  client: pg.ClientBase,
  { structure, template }: ProvisionTerms,
  schema: string,
  user: string,
): Promise<void> {
  switch (structure.by) {
    case 'template':
      return fillFromTemplate(query, template, { schema, role: user })
    case 'migrate':
      await withinTransaction(query, () => structure.migrate(query, { schema, client }))
      break
    case 'sql':
      await withinTransaction(query, async () => {
        for (const statement of structure.statements) await query(statement)
      })
  }
  await query(grantUse(schema, user).join(';\n'))
}

function mustBeThere(found: Found['schema'], schema: string): true {
  if (found !== null) return true
  throw new TenancyError('CONFIG_INVALID', {
    source: 'pgSchema',
    problems: [`defaultSchema: there is no schema ${schema}`],
  })
}

/**
 * The default tenant may have been another one before, whose rows are there: a role of a tenant that has been given the schema keeps
 * others from it.
 */
async function mustBeNobodyElses(query: Query, { schema, role }: StorageNames): Promise<void> {
  const { rows } = await query<{ mark: string | null }>(
    `select shobj_description(r.oid, 'pg_authid') as mark from pg_namespace n cross join aclexplode(n.nspacl) a
       join pg_roles r on r.oid = a.grantee where n.nspname = $1 and r.rolname <> $2`,
    [schema, role],
  )
  for (const { mark } of rows) {
    const { tenant } = readMark(mark) ?? {}
    if (tenant !== undefined)
      throw new TenancyError('OBJECT_FOREIGN', {
        kind: 'schema',
        name: schema,
        owner: `the tenant whose id has the digest ${tenant}`,
      })
  }
}

/** GRANT warns, and does nothing, where the grantor may not. */
export async function mustBeUsable(query: Query, schema: string, user: string): Promise<void> {
  const { rows } = await query(`select has_schema_privilege($1, $2, 'USAGE') as usable`, [user, schema])
  if (rows[0]?.usable === true) return
  throw new Error(`the provisioner needs USAGE on schema ${schema} WITH GRANT OPTION`)
}
