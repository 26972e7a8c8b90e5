import { randomBytes } from 'node:crypto'
import { consoleLogger, memoryRegistry, secret, type Tenant } from '@tenantry/core'
import {
  makeDatabaseTemplate,
  type PgDatabase,
  type PgDatabaseOptions,
  pgDatabase,
  placeTenants,
  postgresLeases,
} from '@tenantry/pg-database'
import type { PostgresServer } from '@tenantry/servers'
import pg from 'pg'

/** A server with the roles of a deployment and a template, and the isolation over it. */
export type BenchGround = Awaited<ReturnType<typeof makeBenchGround>>

export const structure = 'create table notes (id int primary key, text text not null)'
const database = 'bench_home'
const template = 'bench_template'

/** @param sql - what a tenant begins with. */
export async function makeBenchGround({ descriptor }: PostgresServer, sql: string) {
  const { hostname: host, port } = new URL(descriptor.adminUrl)
  const server = { host, port: Number(port), region: 'here' }
  const admin = new pg.Pool({ connectionString: descriptor.adminUrl, max: 2 })
  admin.on('error', () => undefined)
  const roleOf = async (username: string, attributes: string) => {
    const password = randomBytes(12).toString('hex')
    await admin.query(`create role ${username} login ${attributes} password '${password}'`)
    return { username, password }
  }
  const made = await roleOf('bench_provisioner', 'createdb createrole')
  const broker = await roleOf('bench_broker', 'createrole')
  await admin.query(`create database ${database}`)
  await admin.query(`revoke all on database ${database} from public`)
  await admin.query(`grant connect on database ${database} to ${made.username}, ${broker.username}`)
  const provisioner = { username: made.username, password: secret(made.password), database }
  await makeDatabaseTemplate({ server, provisioner, database: template, migrate: query => query(sql) })

  const brokers = new pg.Pool({
    ...{ host, port: Number(port), database, max: 4 },
    user: broker.username,
    password: broker.password,
  })
  brokers.on('error', () => undefined)
  const credentials = postgresLeases({ brokers: { here: brokers }, lifetime: 3_600_000 })
  const place = placeTenants({ here: server }, () => 'here')
  const registry = memoryRegistry()
  const opened: PgDatabase[] = []

  return {
    ...{ server, admin, provisioner, template },
    open(options: Partial<PgDatabaseOptions> = {}): PgDatabase {
      const isolation = pgDatabase({
        servers: { here: server },
        provisioners: { here: provisioner },
        structure: { by: 'template', database: template },
        applicationName: 'bench',
        ...{ credentials, logger: { ...consoleLogger, info: () => undefined, debug: () => undefined } },
        ...options,
      })
      opened.push(isolation)
      return isolation
    },
    tenant(): Tenant {
      const { id } = memoryRegistry().add({ slug: 'any', name: 'Any' })
      return registry.add({ id, slug: `t-${id}`, name: id, placement: place({ id }) })
    },
    /** A pool as an application would open it for this tenant alone. */
    async poolOf({ id, placement }: Tenant, max: number): Promise<pg.Pool> {
      const database = String(placement.database)
      const at = { host, port: Number(port), database }
      const login = await credentials.issue({ tenant: id, server: 'here', owner: database, ...at })
      return new pg.Pool({
        ...at,
        user: login.username,
        password: login.password.reveal(),
        max,
        idleTimeoutMillis: 600_000,
      })
    },
    async close() {
      for (const isolation of opened) await isolation.close()
      await credentials.close()
      await brokers.end()
      await admin.end()
    },
  }
}
