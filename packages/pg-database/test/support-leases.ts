import { randomBytes, randomUUID } from 'node:crypto'
import type { Credentials, Logger, LoginTarget } from '@tenantry/core'
import type { PostgresConnection } from '@tenantry/servers'
import pg from 'pg'

/** A server with a broker and the databases of two tenants. */
export interface LeaseServer {
  /** Superuser, in the broker's own database. */
  readonly admin: pg.Pool
  readonly major: number
  readonly broker: string
  readonly brokerUrl: string
  /** What the logins of this test begin with. */
  readonly prefix: string
  readonly a: LoginTarget
  readonly b: LoginTarget
  /** The logins that are there. */
  logins(): Promise<readonly string[]>
  close(): Promise<void>
}

/** As a provisioner leaves it: owner roles without login, CONNECT for nobody else, owners that the broker can lend and not use. */
export async function leaseServer(
  connection: Pick<PostgresConnection, 'freshDatabase' | 'descriptor'>,
): Promise<LeaseServer> {
  const home = await connection.freshDatabase()
  const { major } = connection.descriptor
  const admin = new pg.Pool({ connectionString: home.adminUrl, max: 3 })
  const prefix = `l${randomBytes(4).toString('hex')}_`
  const broker = `${home.name}_broker`
  const url = new URL(home.adminUrl)
  url.username = broker
  url.password = randomBytes(12).toString('hex')
  await admin.query(`create role ${broker} login createrole password '${url.password}'`)
  await admin.query(`grant connect on database ${home.name} to ${broker}`)

  async function tenant(): Promise<LoginTarget> {
    const { name, adminUrl } = await connection.freshDatabase()
    // A name that needs quotes, wherever it is used.
    const owner = `${name}_O'wner`
    const own = new pg.Client({ connectionString: adminUrl })
    await own.connect()
    await own.query(`create role "${owner}" nologin; alter schema public owner to "${owner}"`)
    await own.query(`alter database ${name} owner to "${owner}"`)
    if (major >= 16) await own.query(`grant "${owner}" to ${broker} with admin true, inherit false, set false`)
    await own.end()
    const { hostname: host, port } = url
    return { tenant: randomUUID(), server: 'eu', host, port: Number(port), database: name, owner }
  }

  const [a, b] = [await tenant(), await tenant()]
  async function logins(): Promise<readonly string[]> {
    const { rows } = await admin.query<{ name: string }>(
      'select rolname as name from pg_roles where starts_with(rolname, $1) order by 1',
      [prefix],
    )
    return rows.map(({ name }) => name)
  }
  return {
    ...{ admin, major, broker, brokerUrl: url.href, prefix, a, b, logins },
    async close() {
      for (const { database } of [a, b]) await admin.query(`drop database ${database} with (force)`)
      const roles = [...(await logins()), a.owner, b.owner]
      for (const role of roles) await admin.query(`drop role "${role}"`)
      await admin.query(`drop owned by ${broker}; drop role ${broker}`)
      admin.on('error', () => undefined)
      await admin.end()
    },
  }
}

/** Logs in; the connection is not yet closed. */
export async function logIn(
  { host, port, database }: LoginTarget,
  { username: user, password }: Credentials,
): Promise<pg.Client> {
  const client = new pg.Client({ host, port, database, user, password: password.reveal() })
  client.on('error', () => undefined)
  await client.connect()
  return client
}

/** A logger that keeps what it is told. */
export function recorder(): Logger & { readonly records: { level: string; details: object; message: string }[] } {
  const records: { level: string; details: object; message: string }[] = []
  const at = (level: string) => (details: object, message: string) => void records.push({ level, details, message })
  return { records, debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}
