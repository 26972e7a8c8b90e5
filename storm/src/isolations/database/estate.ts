import type { Tenant } from '@tenantry/core'
import type { PgDatabaseOptions } from '@tenantry/pg-database'
import { type FreshDatabase, type PostgresServer, startPostgres } from '@tenantry/servers'
import { keyPrefix, type ServerName, serverNames } from './names.ts'
import { openTenantServer, type TenantServer, template } from './tenant-server.ts'

/** Two servers with the databases of tenants. */
export interface Estate {
  readonly servers: Readonly<Record<ServerName, TenantServer>>
  /** The server on which a tenant is placed. */
  at(tenant: Pick<Tenant, 'placement'>): TenantServer
  /** What `pgDatabase` must know of it. */
  readonly options: Pick<PgDatabaseOptions, 'servers' | 'provisioners' | 'structure' | 'keyPrefix'>
  /** Ends everything, and leaves nothing on the first server. The second is gone. */
  close(): Promise<void>
}

/** Makes tenants' ground on the server of a database, and on a second one of the same version. */
export async function openEstate(home: FreshDatabase): Promise<Estate> {
  const one = await openTenantServer(home)
  const other: PostgresServer = await startPostgres({
    ...(one.major < 16 ? { source: { kind: 'debian', major: one.major } as const } : {}),
    env: { ...process.env, TENANTRY_PG: '', TENANTRY_PG_URL: '' },
    report: () => undefined,
  })
  const two = await openTenantServer(await other.freshDatabase())
  const servers = { one, two }
  const by = <T>(of: (server: TenantServer) => T) =>
    Object.fromEntries(serverNames.map(name => [name, of(servers[name])]))
  return {
    servers,
    at: ({ placement }) => servers[placement.server as ServerName],
    options: {
      servers: by(({ server }) => server),
      provisioners: by(({ provisioner }) => provisioner),
      structure: { by: 'template', database: template },
      keyPrefix,
    },
    async close() {
      await one.close()
      await two.admin.end()
      await other.stop()
    },
  }
}
