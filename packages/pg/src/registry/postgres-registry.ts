import {
  consoleLogger,
  type EnrolmentStore,
  type Finding,
  type Logger,
  safeStart,
  TenancyError,
  type TenantStore,
} from '@tenantry/core'
import type pg from 'pg'
import { quoteIdentifier } from '../identifier.ts'
import { apiKeysOf, type PostgresApiKeys } from './api-keys.ts'
import { asking } from './ask.ts'
import { writeAudit } from './audit-entry.ts'
import { type AuditTrail, auditTrail } from './audit-trail.ts'
import { type Act, changeByHand } from './change-by-hand.ts'
import { registryFindings } from './checks.ts'
import { postgresEnrolment } from './enrolment/postgres-enrolment.ts'
import { type Identities, identitiesOf } from './identities.ts'
import { journal } from './journal.ts'
import { lookups } from './lookups.ts'
import { membersOf, type PostgresMemberships } from './members.ts'
import { registryError } from './registry-error.ts'
import { type SecretOptions, type TenantSecrets, tenantSecrets } from './secrets/tenant-secrets.ts'
import { registryIn, rowsOf } from './tables.ts'

/** Options of {@link postgresRegistry}. */
export interface PostgresRegistryOptions extends SecretOptions {
  /** A small pool of the registry's runtime role, which can read no data of tenants. Yours: you end it. */
  readonly pool: pg.Pool
  /** As given to `migrateRegistry`. Default `tenantry`. */
  readonly schema?: string
  /**
   * The keys of a placement whose values name a tenant's storage: unique without regard to case, never changed, never given to another
   * tenant. Default `schema`, `database`, `mongo_database`, `prefix`.
   */
  readonly storageKeys?: readonly string[]
  /** Which domains lead to their tenant: all, or those that {@link PostgresRegistry.verifyDomain} was called for. Default `trusted`. */
  readonly domains?: 'trusted' | 'verified'
  /** `false` behind PgBouncer before 1.21 in transaction mode. Default `true`. */
  readonly namedStatements?: boolean
  /** What an unsafe role or a missing guard leads to. Default `refuse`. */
  readonly onUnsafe?: 'refuse' | 'report'
  readonly logger?: Logger
}

/** Tenants in tables of Postgres, with the journal of what is done to them and an audit that shows tampering. */
export interface PostgresRegistry extends TenantStore, Identities, TenantSecrets, AuditTrail {
  /**
   * Resolves when the role can do what the registry needs and no more, and the guards are in place. Everything waits for it; call it
   * at start to learn of it then.
   *
   * @throws {TenancyError} `UNSAFE_CONFIGURATION` with the findings.
   */
  ready(): Promise<void>
  /** What {@link PostgresRegistry.ready} looks at. */
  verify(): Promise<readonly Finding[]>
  /**
   * Notes that the tenant has proved that the domain is theirs, with an entry in the audit, and raises its version. Does nothing the
   * second time.
   *
   * @throws {TenancyError} `TENANT_NOT_FOUND` when the tenant has no such domain.
   */
  verifyDomain(tenant: string, domain: string, act: Act): Promise<void>
  /** API keys, for `apiKey` and `cachedApiKeys` of `@tenantry/identity`. */
  readonly apiKeys: PostgresApiKeys
  /** Which users may enter which tenants, for the issuers of `jwt` of `@tenantry/identity`. */
  readonly memberships: PostgresMemberships
  /** Pools and tokens with which agents enter tenants, for `createEnrolment` of `@tenantry/identity`. */
  readonly enrolment: EnrolmentStore
}

/**
 * A registry that lasts. Run `migrateRegistry` first. Opens nothing by itself, keeps nothing in memory.
 *
 * @throws {TenancyError} `IDENTIFIER_INVALID`, `ARGUMENT_INVALID`. Its methods throw `UNSAFE_CONFIGURATION`, `DATABASE_UNAVAILABLE`,
 * `CONNECTION_LOST`, and what they say.
 * @example
 * const registry = postgresRegistry({ pool: new pg.Pool({ connectionString: process.env.REGISTRY_URL, max: 4 }) })
 * const tenancy = createTenancy({ registry })
 */
export function postgresRegistry(options: PostgresRegistryOptions): PostgresRegistry {
  const { pool, schema = 'tenantry', domains = 'trusted', namedStatements = true } = options
  const { storageKeys = ['schema', 'database', 'mongo_database', 'prefix'], logger = consoleLogger } = options
  quoteIdentifier(schema)
  if (domains !== 'trusted' && domains !== 'verified')
    throw new TenancyError('ARGUMENT_INVALID', { field: 'domains', rule: 'must be "trusted" or "verified"' })
  const db = registryIn(schema)
  const verify = () => registryFindings(pool, schema)
  const ready = safeStart({ isolation: 'pg-registry', look: verify, onUnsafe: options.onUnsafe ?? 'refuse', logger })
  const terms = { pool, db, ready }

  return {
    ...lookups({ ...terms, domains, namedStatements }),
    ...journal({ ...terms, storageKeys }),
    ...identitiesOf(terms),
    ...tenantSecrets(terms, options),
    ...auditTrail(terms),
    apiKeys: apiKeysOf(terms),
    memberships: membersOf(terms),
    enrolment: postgresEnrolment({ pool, schema, ready }),
    ready,
    verify,
    async audit(entry) {
      await ready()
      try {
        await writeAudit(asking(pool), db, entry)
      } catch (error) {
        throw registryError(error, { tenant: entry.tenant ?? '', operation: entry.action })
      }
    },
    verifyDomain(tenant, domain, act) {
      const entry = { action: 'tenant.domain.verify', tenant, details: { domain } }
      return changeByHand(terms, entry, act, async query => {
        const own = db
          .selectFrom('registry_domains')
          .select('is_verified')
          .where('name', '=', domain)
          .where('tenant', '=', tenant)
        const [found] = await rowsOf(query, own.forUpdate())
        if (found === undefined) throw new TenancyError('TENANT_NOT_FOUND', { key: `id ${tenant}, domain ${domain}` })
        if (found.is_verified) return false
        await rowsOf(query, db.updateTable('registry_domains').set({ is_verified: true }).where('name', '=', domain))
        return true
      })
    },
  }
}
