import { randomBytes } from 'node:crypto'
import type { FreshDatabase, PostgresServer } from '@tenantry/servers'
import { provisionBootstrap } from './provision-bootstrap.ts'
import type { DatabaseLogin, Settings, TenantServer } from './settings.ts'

/** Three servers, as somebody who operates the service has them. */
export interface Deployment {
  readonly settings: Settings
  /** What the references of the settings mean. */
  readonly env: Record<string, string>
  /** Superuser, by the name of the server. */
  readonly admins: Readonly<Record<'bootstrap' | 'eu' | 'us', string>>
  readonly bootstrap: FreshDatabase
}

/** Prepares a server for the registry and two for tenants. With `VAULT_ADDR` and `VAULT_TOKEN`, OpenBAO makes the logins of tenants. */
export async function deploy(
  bootstrapServer: PostgresServer,
  tenantServers: Readonly<Record<'eu' | 'us', PostgresServer>>,
  { VAULT_ADDR: vault, VAULT_TOKEN: token }: NodeJS.ProcessEnv = process.env,
): Promise<Deployment> {
  const env: Record<string, string> = { OPERATOR_KEY: password(), ...(token ? { VAULT_TOKEN: token } : {}) }
  const bootstrap = await bootstrapServer.freshDatabase()
  const servers: Record<string, TenantServer> = {}
  for (const [region, jurisdiction] of [
    ['eu', 'DE'],
    ['us', 'US'],
  ] as const) {
    const { adminUrl } = tenantServers[region].descriptor
    const [provisioner, broker] = ['provisioner', 'broker'].map(role => {
      env[`${region}_${role}`] = password()
      return { user: `tenants_${role}`, password: `env:${region}_${role}` }
    }) as [TenantServer['provisioner'], TenantServer['broker']]
    await provisionBootstrap(adminUrl, {
      provisioner: { ...provisioner, password: env[`${region}_provisioner`] as string },
      broker: { ...broker, password: env[`${region}_broker`] as string },
    })
    const { hostname: host, port } = new URL(adminUrl)
    servers[region] = { host, port: Number(port), region, jurisdiction, provisioner, broker }
  }
  const { user, password: reference } = login(bootstrap.runtimeUrl, 'SHARED_PASSWORD', env)
  return {
    settings: {
      registry: login(bootstrap.ownerUrl, 'REGISTRY_PASSWORD', env),
      operator_key: 'env:OPERATOR_KEY',
      multitenancy: { enabled: true, self_service_provisioning: true },
      shared: { user, password: reference },
      servers,
      ...(vault ? { vault: { url: vault, token: 'env:VAULT_TOKEN' } } : {}),
    },
    ...{ env, bootstrap },
    admins: {
      bootstrap: bootstrap.adminUrl,
      eu: tenantServers.eu.descriptor.adminUrl,
      us: tenantServers.us.descriptor.adminUrl,
    },
  }
}

/** A URL as the settings say it: its password goes elsewhere. */
export function login(url: string, name: string, env: Record<string, string>): DatabaseLogin {
  const { hostname: host, port, pathname, username, password } = new URL(url)
  env[name] = decodeURIComponent(password)
  return {
    host,
    port: Number(port),
    name: pathname.slice(1),
    user: decodeURIComponent(username),
    password: `env:${name}`,
  }
}

function password(): string {
  return randomBytes(24).toString('base64url')
}
