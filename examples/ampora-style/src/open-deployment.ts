import { generateKeyPairSync, randomBytes } from 'node:crypto'
import type { RequestListener } from 'node:http'
import { type Logger, secret, type Tenant } from '@tenantry/core'
import { listen } from '@tenantry/demo'
import { type FreshDatabase, startOpenidProvider } from '@tenantry/servers'
import pg from 'pg'
import { createApp } from './app.ts'
import { migrate, migrateTables } from './migrate.ts'
import { onboard } from './onboard.ts'
import { openPlatform, type Platform } from './platform.ts'
import { legacyTable } from './tables.ts'

/** Two databases, so that the registry's role reaches no row of any tenant. */
export interface Servers {
  readonly data: FreshDatabase
  readonly registry: FreshDatabase
  readonly logger: Logger
}

/** All of it, until it is closed. */
export interface Deployment {
  readonly base: string
  readonly port: number
  readonly platform: Platform
  /** Who is in which group: the provider's business, and changed there alone (A22). What stands here is what its next tokens say. */
  readonly people: Map<string, Readonly<Record<string, unknown>>>
  readonly primary: Tenant
  /** How many configurations were there before there were tenants, and how many the first tenant was given. */
  readonly adopted: { readonly before: number; readonly rows: number }
  /** What migrations run with; again, it must change nothing. */
  migrateAgain(): Promise<number>
  /** A superuser's, for a look behind the scenes. */
  readonly admin: pg.Pool
  /** The URL of the role that serves requests, for whoever goes around Tenantry. */
  readonly runtimeUrl: string
  close(): Promise<void>
}

/** Three groups for each customer, and a provider that tells the primary tenant by another claim (A18). */
const people = {
  root: { tenant: 'primary-admin' },
  ada: { groups: ['acme-eu-admins'] },
  otto: { groups: ['acme-eu-operators', 'unrelated'] },
  vera: { groups: ['acme-eu-viewers'] },
  mallory: { groups: ['acme-eu', 'ACME-EU-ADMINS', 'primary-admin'] },
}

/** Migrates, adopts what a single tenant has left, and serves. */
export async function openDeployment({ data, registry, logger }: Servers): Promise<Deployment> {
  const ends: (() => Promise<void>)[] = []
  function pool(connectionString: string, max = 2): pg.Pool {
    const opened = new pg.Pool({ connectionString, max })
    // A connection that is being closed may be cut by the end of the server.
    opened.on('error', error => logger.debug({ error: error.message }, 'A connection was lost.'))
    ends.push(() => opened.end())
    return opened
  }
  async function close(): Promise<void> {
    for (const end of ends.reverse()) await end()
  }

  try {
    // First, since the provider has to know the address.
    let app: RequestListener | undefined
    const server = await listen((request, response) => app?.(request, response))
    ends.push(server.close)
    const base = `http://127.0.0.1:${server.port}`
    const known = new Map<string, Readonly<Record<string, unknown>>>(Object.entries(people))
    const client = { id: 'ampora', secret: randomBytes(24).toString('base64url'), redirectUri: `${base}/auth/callback` }
    const provider = await startOpenidProvider({
      clients: [client],
      claims: login => known.get(login) ?? {},
      settings: { claims: { openid: ['sub'], profile: ['name', 'groups', 'tenant'], email: ['email'] } },
    })
    ends.push(provider.stop)

    const [admin, owner] = [pool(data.adminUrl), pool(data.ownerUrl)]
    await owner.query(legacyTable)
    await owner.query(
      `insert into configurations (name, body) select 'old ' || n, 'of the time before tenants' from generate_series(1, 2500) n`,
    )
    const sealKey = { id: 1, secret: secret(randomBytes(32).toString('base64')) }
    const terms = {
      ...{
        admin,
        owner,
        ownerRole: data.ownerRole,
        runtimeRole: data.runtimeRole,
        fenceRole: data.provisionerRole,
        sealKey,
      },
      ...{ registryOwner: pool(registry.ownerUrl), registryRole: registry.runtimeRole },
    }
    await migrate(terms)
    const platform = await openPlatform({
      ...{ base, region: 'eu', sealKey, logger },
      provider: { issuer: provider.issuer, clientId: client.id, clientSecret: secret(client.secret) },
      ...{
        pool: pool(data.runtimeUrl, 4),
        fencePool: pool(data.provisionerUrl),
        registryPool: pool(registry.runtimeUrl, 4),
      },
      loginSecret: secret(randomBytes(32).toString('base64')),
      sessions: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
    })
    ends.push(platform.close)
    const access = { actor: 'ampora setup', reason: 'the first tenant' }
    const wanted = { slug: 'primary', name: 'Primary', placement: { region: 'eu' } }
    const { id } =
      (await platform.store.find({ kind: 'slug', value: 'primary' })) ??
      (await platform.lifecycle.ensure(wanted, access))
    const rows = await migrateTables(terms, id)
    const { tenant: primary } = await onboard(
      platform,
      {
        ...{ slug: 'primary', name: 'Primary', region: 'eu', claim: 'tenant', firstAdmin: 'root' },
        roles: { 'primary-admin': 'Admin' },
      },
      access.actor,
    )
    await platform.isolation.ready()
    const log = (error: unknown) => logger.error({ error: String(error) }, 'A request failed.')
    app = createApp({ platform, otherRegions: { us: 'https://us.ampora.example' }, log })
    return {
      ...{ base, port: server.port, platform, people: known, primary, adopted: { before: 2500, rows }, admin, close },
      runtimeUrl: data.runtimeUrl,
      async migrateAgain() {
        await migrate(terms)
        return migrateTables(terms, id)
      },
    }
  } catch (error) {
    await close()
    throw error
  }
}
