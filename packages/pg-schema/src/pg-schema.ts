import {
  consoleLogger,
  type Finding,
  type Isolation,
  type Logger,
  type SafeStartOptions,
  safeStart,
  TenancyError,
  type Tenant,
} from '@tenantry/core'
import {
  inTransaction,
  logLostConnections,
  poolHealth,
  type SessionStatePolicy,
  type SharedReadsOptions,
  scopedPool,
  type TenantPool,
} from '@tenantry/pg'
import type pg from 'pg'
import { lookForDrift } from './checks/drift.ts'
import { lookOver } from './checks/look-over.ts'
import { dropSchema } from './deprovision.ts'
import { checkExtensions } from './extension-schemas.ts'
import { schemaInventory } from './inventory.ts'
import { provisionSchema } from './provision.ts'
import { schemaScope } from './schema-scope.ts'
import { type NamingOptions, storageNames } from './storage-key.ts'
import type { StructureSource } from './structure-source.ts'
import { resumeSchema, suspendSchema } from './suspension.ts'
import { templateTerms } from './template.ts'

/** Options of {@link pgSchema}. */
export interface PgSchemaOptions extends NamingOptions {
  /**
   * Opened and closed by the caller, connecting as the runtime role: no superuser, owner of nothing, and NOINHERIT, so that it has
   * a tenant's privileges only while it is that tenant's role.
   */
  readonly pool: pg.Pool
  /**
   * Opened and closed by the caller, connecting as a role with CREATEROLE and CREATE on the database: it makes the schemas and
   * roles and owns what is in them. Needed by `provision`, `deprovision`, `suspend`, `resume`, `inventory`
   * and the look for drift in `verify`. To end sessions of a suspended tenant past the deadline it needs `pg_signal_backend`, and two
   * connections. Default none.
   */
  readonly provisioner?: pg.Pool
  /** Where the objects in a tenant's schema come from. Default `{ by: 'template' }`. */
  readonly structure?: StructureSource
  /** Schemas with extensions, which follow the tenant's own in the `search_path`. Default none. */
  readonly extensions?: readonly string[]
  /**
   * `tenant`: each tenant has a role of its own, and the server refuses it everything of another tenant. `none`, for servers where
   * roles cannot be made: the `search_path` alone keeps tenants apart, against mistakes but not against a qualified name, so that
   * `enforced` is not claimed. Default `tenant`.
   */
  readonly role?: 'tenant' | 'none'
  /** See `safeStart`. Default `refuse`. */
  readonly onUnsafe?: SafeStartOptions['onUnsafe']
  /** See `scopedPool`. Default `true`. */
  readonly namedStatements?: boolean
  /** See `scopedPool`. */
  readonly sharedReads?: SharedReadsOptions | false
  /** Say `true` behind PgBouncer in transaction mode: what would stay in a session is refused. Default `false`. */
  readonly pooler?: boolean
  /** See `scopedPool`. Default `refuse` with `pooler`, else `detect`. */
  readonly sessionState?: SessionStatePolicy
  /** Receives findings and lost connections. Default `consoleLogger`. */
  readonly logger?: Logger
}

/**
 * A schema and a role for every tenant. Statements run with the tenant's schema alone in the `search_path` and as the tenant's
 * role, both for one transaction, set in the same write as the statement. A schema or role that is missing is an error before the
 * statement runs (`TENANT_STORE_MISSING`), never another schema's table.
 *
 * It holds against mistakes and against SQL that names another schema (42501). SQL of an attacker that resets the role first has
 * the runtime role's memberships and so every tenant; where attackers may run SQL, use shared tables with a seal (`pg-rls`).
 *
 * @throws {TenancyError} `ARGUMENT_INVALID`, `CONFIG_INVALID`. `provision` throws `OBJECT_FOREIGN`, `TEMPLATE_MISSING`,
 * `TEMPLATE_INVALID`, `PROVISIONING_FAILED`; `deprovision` `OBJECT_FOREIGN`, `TENANT_PROTECTED`, `ERASURE_INCOMPLETE`; both
 * `CONFIG_INVALID` without a provisioner, `IDENTIFIER_INVALID` for a placement that breaks the rule of names, and like `ready` and
 * `verify` `DATABASE_UNAVAILABLE` and `CONNECTION_LOST`. `ready` throws `UNSAFE_CONFIGURATION`.
 * @example
 * const rows = tenancy.handle(pgSchema({ pool, provisioner }))
 * await tenancy.run(acme, () => rows.query('select * from notes')) // from acme's schema
 */
export function pgSchema(options: PgSchemaOptions): Isolation<TenantPool> {
  const { pool, provisioner, onUnsafe = 'refuse', logger = consoleLogger } = options
  const { structure = { by: 'template' }, role = 'tenant', defaultSchema, keyPrefix } = options
  if (role !== 'tenant' && role !== 'none')
    throw new TenancyError('ARGUMENT_INVALID', { field: 'role', rule: 'must be "tenant" or "none"' })
  const roles = role === 'tenant'
  const naming = storageNames(options)
  const extensions = checkExtensions(options.extensions ?? [], {
    ...{ keyPrefix, defaultSchema },
    template: structure.by === 'template' ? (structure.schema ?? 'template') : undefined,
  })
  const template = templateTerms(structure, extensions)
  const looking = {
    ...{ defaultSchema, extensions, roles, source: template },
    template: structure.by === 'template' ? template.source.schema : undefined,
  }

  const ready = safeStart({
    ...{ isolation: 'pg-schema', onUnsafe, logger },
    look: () => lookOver(pool, looking),
  })
  const scoped = scopedPool({
    pool,
    ready,
    scope: schemaScope({ naming, extensions, roles }),
    sessionState: options.sessionState ?? (options.pooler === true ? 'refuse' : 'detect'),
    ...(options.namedStatements === undefined ? {} : { namedStatements: options.namedStatements }),
    ...(options.sharedReads === undefined ? {} : { sharedReads: options.sharedReads }),
  })

  const stops = [pool, ...(provisioner === undefined ? [] : [provisioner])].map(each =>
    logLostConnections(each, 'pg-schema', logger),
  )

  function makers(): pg.Pool {
    if (provisioner !== undefined) return provisioner
    throw new TenancyError('CONFIG_INVALID', {
      source: 'pgSchema',
      problems: ['provisioner: a pool whose role may make schemas and roles is needed for this'],
    })
  }

  async function termsOf(tenant: Tenant) {
    return { provisioner: makers(), names: naming(tenant), roles, runtime: await runtimeOf(pool) }
  }

  async function verify(): Promise<readonly Finding[]> {
    return [
      ...(await lookOver(pool, looking)),
      ...(provisioner === undefined ? [] : await lookForDrift(provisioner, looking)),
    ]
  }

  return {
    name: 'pg-schema',
    claims: { sharedStore: false, enforced: roles, pooled: true, transactions: true, objects: true },
    handle: scoped.handle,
    ready,
    verify,
    async provision(tenant) {
      const given = tenant.isDefault && defaultSchema !== undefined
      const terms = {
        ...(await termsOf(tenant)),
        ...{ given, structure, template, extensions },
      }
      await provisionSchema(tenant, terms)
    },
    async deprovision(tenant) {
      return dropSchema(tenant, await termsOf(tenant))
    },
    ...(provisioner === undefined
      ? {}
      : {
          suspend: async (tenant, deadline) => suspendSchema(tenant, deadline, await termsOf(tenant)),
          resume: async tenant => resumeSchema(tenant, await termsOf(tenant)),
          inventory: async tenant => schemaInventory(tenant, await termsOf(tenant)),
        }),
    health: tenant => poolHealth(scoped.handle(() => tenant)),
    async close() {
      scoped.close()
      for (const stop of stops) stop()
    },
  }
}

/** The login of the application. */
async function runtimeOf(pool: pg.Pool): Promise<string> {
  const { rows } = await inTransaction(pool, query => query<{ name: string }>('select session_user as name'))
  return rows[0]?.name ?? ''
}
