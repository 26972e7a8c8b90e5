import { makeDatabaseTemplate, type ProvisionerLogin, pgDatabase, sharedData } from '@tenantry/pg-database'
import type pg from 'pg'
import { type LeaseTerms, leases } from './leases.ts'
import type { Partitions } from './partitions.ts'
import type { TenantServer } from './settings.ts'
import { sharedTables } from './shared-tables.ts'
import { tenantRegistry } from './tenant-registry.ts'
import { tenantTables } from './tenant-tables.ts'

/** Multi-tenancy on: a database for every tenant, on the server that its placement names. */
export async function distributed(bootstrap: pg.Pool, terms: LeaseTerms): Promise<Partitions> {
  const { settings, secrets, pools, logger } = terms
  const { registry, servers = {}, shared: reader = registry } = settings
  const provisioners: Record<string, ProvisionerLogin> = {}
  for (const [name, server] of Object.entries(servers)) {
    const { user: username, password, database = 'postgres' } = server.provisioner
    provisioners[name] = { username, password: await secrets(password), database }
    // What every new tenant begins with.
    const migrate = (query: (text: string) => Promise<unknown>) => query(tenantTables)
    await makeDatabaseTemplate({ server: coordinates(server), provisioner: provisioners[name], migrate })
  }
  const credentials = await leases(terms)
  const databases = pgDatabase({
    servers: Object.fromEntries(Object.entries(servers).map(([name, server]) => [name, coordinates(server)])),
    ...{ provisioners, credentials, logger },
    connections: { max: 12 },
  })

  // On the registry's database, until there is a server for them.
  const { user, password } = reader
  if (reader.host === undefined) await bootstrap.query(sharedTables(user))
  const shared = sharedData({
    bootstrap: await pools.open({ ...registry, user, password }, 4),
    ...(reader.host === undefined ? {} : { shared: await pools.open({ ...registry, ...reader }, 4) }),
    logger,
  })
  async function close() {
    shared.close()
    await databases.close()
    await credentials.close?.()
  }
  try {
    await Promise.all([databases.ready(), shared.ready()])
  } catch (error) {
    await close()
    throw error
  }
  return {
    registry: tenantRegistry(bootstrap),
    shared: shared.handle,
    own: databases.handle,
    databases,
    close,
  }
}

/** Where a server is, without who may do what there. */
export function coordinates({ host, port = 5432, region, jurisdiction }: TenantServer) {
  return {
    ...{ host, port },
    ...(region === undefined ? {} : { region }),
    ...(jurisdiction === undefined ? {} : { jurisdiction }),
  }
}
