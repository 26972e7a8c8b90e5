import type { KeyObject } from 'node:crypto'
import {
  type CachedRegistry,
  cachedRegistry,
  createLifecycle,
  createTenancy,
  type Isolation,
  type Lifecycle,
  type Logger,
  path,
  type Secret,
  type Tenancy,
  type Tenant,
} from '@tenantry/core'
import {
  admitByClaims,
  apiKey,
  createEnrolment,
  type Enrolment,
  jwt,
  type OidcLogin,
  oidcLogin,
} from '@tenantry/identity'
import type { TenantPool } from '@tenantry/pg'
import { type PostgresRegistry, postgresRegistry } from '@tenantry/pg/registry'
import { pgRls, type SealKey } from '@tenantry/pg-rls'
import { exportJWK } from 'jose'
import type pg from 'pg'
import { seal } from './tables.ts'

/** The OpenID provider where everybody logs in, and this server's client there. */
export interface Provider {
  readonly issuer: string
  readonly clientId: string
  readonly clientSecret: Secret
}

/** What a server of Ampora is given. Opened and closed by the caller. */
export interface PlatformOptions {
  /** Where browsers reach it, such as `https://eu.ampora.example`. Never taken from a request. */
  readonly base: string
  /** Where this server stands; tenants that live elsewhere are not served here (A47). */
  readonly region: string
  readonly provider: Provider
  /** Of the role that serves requests. */
  readonly pool: pg.Pool
  /** Of the role that raises the fence; at least two connections. */
  readonly fencePool: pg.Pool
  /** Of the registry's role. */
  readonly registryPool: pg.Pool
  readonly sealKey: SealKey
  /** What logins under way are sealed with: at least 32 bytes. */
  readonly loginSecret: Secret
  /** Signs the tokens of people who are logged in. */
  readonly sessions: { readonly privateKey: KeyObject; readonly publicKey: KeyObject }
  readonly logger: Logger
}

/** Tenants, who enters them, and what keeps them apart. */
export interface Platform {
  readonly base: string
  readonly region: string
  readonly issuer: string
  readonly tenancy: Tenancy
  readonly store: PostgresRegistry
  readonly cache: CachedRegistry
  readonly lifecycle: Lifecycle
  readonly login: OidcLogin
  readonly enrolment: Enrolment
  readonly isolation: Isolation<TenantPool>
  /** The rows of whichever tenant is current. */
  readonly rows: TenantPool
  close(): Promise<void>
}

/** Puts the registry, the tenancy, the isolation, login and enrolment together. */
export async function openPlatform(options: PlatformOptions): Promise<Platform> {
  const { base, region, provider, pool, fencePool, registryPool, sealKey, sessions, logger } = options
  const store = postgresRegistry({ pool: registryPool, logger })
  const cache = cachedRegistry(store, { logger })
  const isolation = pgRls({ pool, seal, sealKeys: () => sealKey, fence: { pool: fencePool }, logger })
  const audience = `${base}/api`
  const jwks = { keys: [await exportJWK(sessions.publicKey)] }
  const tenancy = createTenancy({
    ...{ registry: cache, audit: store, absentStatus: 401, drain: 0, logger },
    resolvers: [
      // What Ampora has signed itself at the end of a login: tenant and role stay as they were then (A37).
      jwt({
        issuers: [{ issuer: base, audience, algorithms: ['ES256'], keys: { jwks }, tenants: 'all', roleClaim: 'role' }],
        logger,
      }),
      apiKey({ keys: store.apiKeys }),
    ],
  })
  // Nobody logs in or enrols here whose tenant lives elsewhere.
  const local = {
    async find(...key: Parameters<typeof cache.find>): Promise<Tenant | undefined> {
      const tenant = await cache.find(...key)
      return tenant?.placement.region === region ? tenant : undefined
    },
  }
  const { issuer, clientId, clientSecret } = provider
  const byClaims = admitByClaims({ mappings: store })
  const login = oidcLogin({
    registry: local,
    settings: ({ slug }) => ({
      ...{ oidc_issuer: issuer, oidc_client_id: clientId, oidc_client_secret: clientSecret },
      ...{ oidc_redirect_url: `${base}/auth/callback`, frontend_url: `${base}/t/${slug}/console` },
    }),
    secret: options.loginSecret,
    tokens: { key: sessions.privateKey, algorithm: 'ES256', issuer: base, audience },
    async admit(claims, tenant) {
      const admission = await byClaims(claims, tenant)
      // All come from one provider, where a subject is one person.
      return admission && { ...admission, subject: String(claims.sub) }
    },
    // Anybody's word: it chooses the looks and where to log in, and opens nothing (C04).
    hints: [path({ prefix: '/t' })],
    // The provider of the demo stands on this machine.
    allowInsecure: new URL(issuer).hostname === '127.0.0.1',
    logger,
  })
  const enrolment = createEnrolment({ store: store.enrolment, registry: local, tenancy, audit: store, logger })
  const lifecycle = createLifecycle({
    ...{ store, participants: [isolation], announce: cache.announce, drain: 1000, logger },
  })
  const stop = lifecycle.watch()
  return {
    ...{ base, region, issuer, tenancy, store, cache, lifecycle, login, enrolment, isolation },
    rows: tenancy.handle(isolation),
    async close() {
      await stop()
      await cache.close()
      await isolation.close()
    },
  }
}
