import { randomBytes } from 'node:crypto'
import { secret } from '@tenantry/core'
import { type DatabaseServer, makeDatabaseTemplate, type ProvisionerLogin } from '@tenantry/pg-database'
import { type FreshDatabase, withClient } from '@tenantry/servers'
import pg from 'pg'
import { keyPrefix } from './names.ts'
import { structure } from './structure.ts'

/** A server on which tenants have databases. */
export interface TenantServer {
  readonly server: DatabaseServer & { readonly port: number }
  readonly major: number
  /** Superuser, in a database that is no tenant's. */
  readonly admin: pg.Pool
  readonly provisioner: ProvisionerLogin
  /** Logs in as the broker, to a database that is no tenant's. */
  readonly brokerUrl: string
  /** Work of the superuser, in any database. */
  inside<T>(database: string, work: (client: pg.Client) => Promise<T>): Promise<T>
  /** Drops all that is there, and its own database. */
  close(): Promise<void>
}

/** The database of tenants that new ones are copies of. */
export const template = `${keyPrefix}template`

/** Makes the roles and the template of one storm. */
export async function openTenantServer(home: FreshDatabase): Promise<TenantServer> {
  const url = new URL(home.adminUrl)
  const server = { host: url.hostname, port: Number(url.port || 5432) }
  const admin = new pg.Pool({ connectionString: home.adminUrl, max: 4 })
  admin.on('error', () => undefined)
  const login = async (name: string, powers: string): Promise<string> => {
    const password = randomBytes(12).toString('hex')
    await admin.query(
      `create role ${name} login ${powers} password '${password}'; grant connect on database ${home.name} to ${name}`,
    )
    return password
  }
  const username = `${keyPrefix}provisioner`
  const password = secret(await login(username, 'createdb createrole'))
  const provisioner: ProvisionerLogin = { username, password, database: home.name }
  const broker = new URL(home.adminUrl)
  broker.username = `${keyPrefix}broker`
  broker.password = await login(broker.username, 'createrole')
  await makeDatabaseTemplate({
    ...{ server, provisioner, database: template },
    migrate: query => query(structure.join(';\n')),
  })
  const { rows } = await admin.query(`select current_setting('server_version_num')::int / 10000 as major`)

  return {
    ...{ server, admin, provisioner, brokerUrl: broker.href, major: rows[0].major },
    inside(database, work) {
      const there = new URL(home.adminUrl)
      there.pathname = `/${database}`
      return withClient(there.href, work)
    },
    async close() {
      await clear(admin)
      await admin.end()
      await home.drop()
    },
  }
}

async function clear(admin: pg.Pool): Promise<void> {
  await admin.query('update pg_database set datistemplate = false where starts_with(datname, $1)', [keyPrefix])
  const names = async (text: string) =>
    (await admin.query<{ name: string }>(text, [keyPrefix])).rows.map(row => row.name)
  for (const name of await names('select datname as name from pg_database where starts_with(datname, $1)')) {
    await admin.query(`drop database ${name} with (force)`)
  }
  const roles = await names('select rolname as name from pg_roles where starts_with(rolname, $1)')
  await admin.query(`drop owned by ${roles.join(', ')}; drop role ${roles.join(', ')}`)
}
