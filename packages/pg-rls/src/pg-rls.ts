import {
  consoleLogger,
  type Finding,
  type Isolation,
  isTenancyError,
  type Logger,
  type SafeStartOptions,
  safeStart,
  TenancyError,
  type Tenant,
} from '@tenantry/core'
import {
  logLostConnections,
  poolHealth,
  type SessionStatePolicy,
  type SharedReadsOptions,
  scopedPool,
  type TenantPool,
} from '@tenantry/pg'
import type pg from 'pg'
import { type Catalog, readCatalog } from './catalog.ts'
import { codeChecks } from './checks/code-checks.ts'
import { fenceChecks } from './checks/fence-checks.ts'
import { policyChecks } from './checks/policy-checks.ts'
import { roleChecks } from './checks/role-checks.ts'
import { sealChecks } from './checks/seal-checks.ts'
import { serverChecks } from './checks/server-checks.ts'
import { tableChecks } from './checks/table-checks.ts'
import { countRows } from './count-rows.ts'
import { eraseRows } from './erase.ts'
import { type FenceOptions, fenceOptions, raisableFence } from './fence/fence.ts'
import { fenceNames, fenceSchema } from './fence/fence-sql.ts'
import type { SealLook } from './seal/read-seal.ts'
import { createSeal, type KeyedSeal } from './seal/seal.ts'
import type { SealKeys } from './seal/seal-key.ts'
import { type SealMode, sealDefaults } from './seal/seal-sql.ts'
import { checkSetting, defaultColumn, defaultSetting } from './setting.ts'

/** Options of {@link pgRls}. */
export interface PgRlsOptions {
  /** Opened and closed by the caller, connecting as the runtime role: no superuser, no BYPASSRLS, owner of nothing. */
  readonly pool: pg.Pool
  /** Default `tenantry.tenant_id`; the same as in `protectTable`. */
  readonly setting?: string
  /** Default `tenant_id`. */
  readonly column?: string
  /** The schemas to look over. Default every one but the server's own; name them where other applications' stand beside. */
  readonly schemas?: readonly string[]
  /** Tables that the runtime role can reach and that belong to no tenant on purpose, as `schema.name`. */
  readonly shared?: readonly string[]
  /** See `safeStart`. Default `refuse`. */
  readonly onUnsafe?: SafeStartOptions['onUnsafe']
  /** See `scopedPool`. */
  readonly namedStatements?: boolean
  /** See `scopedPool`. */
  readonly sharedReads?: SharedReadsOptions | false
  /**
   * Whether the tenant is sealed, so that SQL which an attacker injects cannot name another one. The database must have the seal
   * ({@link installSeal}), and the tables its policies (`protectTable` with `seal: true`).
   *
   * - `challenge`: the proof holds for one transaction. A single statement costs a second round trip.
   * - `stamp`: the proof holds for one connection and some seconds, and costs no round trip.
   * - `none`: holds against mistakes, not against injected SQL. Default.
   */
  readonly seal?: SealMode | 'none'
  /** Needed with `seal`. */
  readonly sealKeys?: SealKeys
  /** The schema of the seal. Default `tenancy`. */
  readonly sealSchema?: string
  /**
   * Say `true` behind PgBouncer in transaction mode: a `stamp` then holds on every connection, and what would stay in a session
   * is refused, because the session is not ours to reset. Default `false`.
   */
  readonly pooler?: boolean
  /**
   * Whether the server refuses tenants that are suspended. The database must have the fence ({@link installFence}), and every process
   * that serves its tenants must ask it. `suspend` and `resume` are there where a pool is given. Default `false`: the processes alone
   * refuse then.
   */
  readonly fence?: boolean | FenceOptions
  /** See `scopedPool`. Default `refuse` with `pooler`, else `detect`. */
  readonly sessionState?: SessionStatePolicy
  readonly logger?: Logger
}

/**
 * Tenants in shared tables, kept apart by row-level security: the tenant stands in a setting of the transaction, and policies
 * compare it with each row's tenant column.
 *
 * It holds against mistakes of the application: a forgotten `where`, raw SQL, an ORM. Against an attacker who can run SQL of their
 * own as the runtime role it holds with a `seal` only, because SQL can set a setting.
 *
 * @throws {TenancyError} `ARGUMENT_INVALID`, `CONFIG_INVALID`
 * @example
 * const rows = tenancy.handle(pgRls({ pool }))
 * await tenancy.run(acme, () => rows.query('select * from notes')) // acme's notes
 */
export function pgRls(options: PgRlsOptions): Isolation<TenantPool> {
  const { pool, column = defaultColumn, schemas, onUnsafe = 'refuse', logger = consoleLogger } = options
  const setting = checkSetting(options.setting ?? defaultSetting)
  const shared = new Set(options.shared ?? [])
  if (schemas?.length === 0) {
    throw new TenancyError('ARGUMENT_INVALID', {
      field: 'schemas',
      rule: 'must name at least one, or nothing is looked over',
    })
  }
  // An array that comes again saves work. The id is compared: a source may hand out one object for many tenants.
  const known = new WeakMap<Tenant, readonly [string]>()
  function valuesOf(tenant: Tenant): readonly [string] {
    const before = known.get(tenant)
    if (before !== undefined && before[0] === tenant.id) return before
    const values = Object.freeze([tenant.id] as const)
    known.set(tenant, values)
    return values
  }
  const sealed = sealOf(options, logger)
  const sealSchema = options.sealSchema ?? sealDefaults.schema
  const terms = { setting, column, shared, ...(sealed === undefined ? {} : { verifier: sealSchema }) }
  const ready = safeStart({ isolation: 'pg-rls', look: verify, onUnsafe, logger })
  const scope = { settings: [setting], values: valuesOf, ...(sealed === undefined ? {} : { seal: sealed.seal }) }
  const pooled = {
    pool,
    ready,
    sessionState: options.sessionState ?? (options.pooler === true ? 'refuse' : 'detect'),
    ...(options.namedStatements === undefined ? {} : { namedStatements: options.namedStatements }),
    ...(options.sharedReads === undefined ? {} : { sharedReads: options.sharedReads }),
  }
  const fence = fenceOptions(options.fence)
  const admits = fence && { admits: `${fenceNames(fence.schema).admits}($1)` }
  const scoped = scopedPool({ ...pooled, scope: { ...scope, ...(admits && { fence: admits }) } })
  // For what is done to a tenant that is suspended: counting and erasing.
  const behind = fence === undefined ? scoped : scopedPool({ ...pooled, scope })

  const stopLogging = logLostConnections(pool, 'pg-rls', logger)

  const asking = { schema: fence?.schema ?? fenceSchema, asked: fence !== undefined }

  async function look(seal?: SealLook): Promise<Catalog> {
    try {
      return await readCatalog(pool, { schemas, column, setting, seal, fence: asking })
    } catch (error) {
      throw isTenancyError(error)
        ? error
        : new TenancyError('DATABASE_UNAVAILABLE', { reason: 'the catalogue cannot be read' }, { cause: error })
    }
  }

  async function verify(): Promise<readonly Finding[]> {
    // The key is tried out. It may be another one by now.
    await sealed?.load()
    const catalog = await look(sealed === undefined ? undefined : { schema: sealSchema, setting, keyed: sealed })
    return [
      ...roleChecks(catalog),
      ...serverChecks(catalog, { setting, sealed: sealed !== undefined }),
      // In front of the policies, whose mending needs it.
      ...(sealed === undefined ? [] : sealChecks(catalog, { mode: sealed.mode, schema: sealSchema, setting })),
      ...tableChecks(catalog, column, shared),
      ...policyChecks(catalog, terms),
      ...codeChecks(catalog),
      ...fenceChecks(catalog, asking),
    ]
  }

  return {
    name: 'pg-rls',
    claims: { sharedStore: true, enforced: true, pooled: true, transactions: true, objects: false },
    handle: scoped.handle,
    ready,
    verify,
    async provision() {
      // Nothing to make: a tenant's rows come with its first insert. The tables are made by migrations, once for all.
    },
    async deprovision(tenant: Tenant) {
      return eraseRows(
        behind.handle(() => tenant),
        tenant,
        { catalog: await look(), column, shared },
      )
    },
    inventory: async tenant =>
      countRows(
        behind.handle(() => tenant),
        tenant,
        { catalog: await look(), column, shared },
      ),
    ...(fence?.pool === undefined ? {} : raisableFence(fence.pool, fence.schema)),
    health: tenant => poolHealth(scoped.handle(() => tenant)),
    async close() {
      for (const each of [scoped, behind]) each.close()
      stopLogging()
    },
  }
}

function sealOf({ seal = 'none', sealKeys, pooler = false }: PgRlsOptions, logger: Logger): KeyedSeal | undefined {
  if (seal === 'none') return undefined
  if (seal !== 'challenge' && seal !== 'stamp') {
    throw new TenancyError('ARGUMENT_INVALID', { field: 'seal', rule: 'must be "challenge", "stamp" or "none"' })
  }
  if (sealKeys === undefined) {
    throw new TenancyError('ARGUMENT_INVALID', { field: 'sealKeys', rule: `is needed with seal: "${seal}"` })
  }
  return createSeal({ mode: seal, keys: sealKeys, pooler, logger })
}
