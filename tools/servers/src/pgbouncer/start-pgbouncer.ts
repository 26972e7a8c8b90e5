import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { Client } from 'pg'
import type { PostgresDescriptor } from '../postgres/postgres-descriptor.ts'
import { execute } from '../postgres/sql.ts'
import { type RunningServer, startServer } from '../start-server.ts'
import { unprivilegedUser } from '../unprivileged-user.ts'
import { connectPgBouncer, type PgBouncerConnection } from './connect-pgbouncer.ts'
import { findPgBouncer, isAtLeast } from './find-pgbouncer.ts'
import { pgBouncerConfig, pgBouncerUsers } from './pgbouncer-config.ts'

/** What {@link startPgBouncer} may be told. */
export interface StartPgBouncerOptions {
  /** The server behind it: all its databases and login roles. */
  readonly server: PostgresDescriptor
  /** Server connections per database and role. Default 20, as PgBouncer's own. */
  readonly poolSize?: number
  /**
   * How long a client waits for a server connection until it is ended (`query_wait_timeout`), also while the server is
   * down. Default 10, not PgBouncer's 120: less than a test's time limit, so that the failure says why.
   */
  readonly waitSeconds?: number
  /** Default `process.env`; read for `TENANTRY_PGBOUNCER` and `PATH`. */
  readonly env?: NodeJS.ProcessEnv
  /** Receives the one line that says what was started; default: standard error. */
  readonly report?: (line: string) => void
}

/** A PgBouncer that this process started, and that does not outlive it. */
export interface PgBouncer extends PgBouncerConnection, Omit<RunningServer, 'port'> {}

/**
 * A real PgBouncer in transaction mode before every database of a server.
 *
 * @throws Error when there is none on this machine; ask {@link findPgBouncer} first to skip.
 * @example
 * const bouncer = await startPgBouncer({ server: server.descriptor })
 * const pool = new Pool({ connectionString: bouncer.pooledUrl(await server.freshDatabase()) })
 */
export const startPgBouncer = async (options: StartPgBouncerOptions): Promise<PgBouncer> => {
  const { server, poolSize = 20, waitSeconds = 10, env = process.env } = options
  const { report = line => process.stderr.write(`${line}\n`) } = options
  const begun = performance.now()
  const program = await findPgBouncer(env)
  if ('missing' in program) throw new Error(program.missing)
  const { path, version } = program

  // The driver's own reading of the URL, defaults and parameters included; it is not connected.
  const { host, port: serverPort, user = 'postgres', password = '' } = new Client(server.adminUrl)
  const admin = { name: user, password: password ?? '' }
  const consoleRole = { name: 'tenantry_console', password: randomBytes(24).toString('hex') }
  const consoleUrl = (port: number) =>
    `postgresql://${consoleRole.name}:${consoleRole.password}@127.0.0.1:${port}/pgbouncer`
  const users = pgBouncerUsers([consoleRole, admin, server.owner, server.runtime])

  const running = await startServer({
    name: 'pgbouncer',
    user: unprivilegedUser(),
    // "Now". From 1.23 on SIGTERM waits for the clients to leave.
    stopSignal: isAtLeast(version, 23) ? 'SIGQUIT' : 'SIGTERM',
    prepare: async room => {
      await room.write('users.txt', users)
    },
    command: async (room, port) => {
      const config = pgBouncerConfig({
        version,
        port,
        poolSize,
        waitSeconds,
        server: { host, port: serverPort },
        authFile: join(room.directory, 'users.txt'),
        authUser: admin.name,
        consoleUser: consoleRole.name,
      })
      return { command: path, args: [await room.write('pgbouncer.ini', config)] }
    },
    ready: port => execute(consoleUrl(port), ['SHOW VERSION']),
  })

  const seconds = ((performance.now() - begun) / 1000).toFixed(1)
  report(`tenantry: PgBouncer ${version} on 127.0.0.1:${running.port}, ready in ${seconds} s`)
  const { port, directory, down, up, death, stop } = running
  return {
    ...connectPgBouncer({
      version,
      port,
      poolSize,
      namedStatements: isAtLeast(version, 21),
      consoleUrl: consoleUrl(port),
    }),
    get pid() {
      return running.pid
    },
    directory,
    down,
    up,
    death,
    stop,
  }
}
