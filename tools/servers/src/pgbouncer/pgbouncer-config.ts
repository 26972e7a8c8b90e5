import type { PostgresRole } from '../postgres/postgres-descriptor.ts'
import { isAtLeast } from './find-pgbouncer.ts'

/** What a PgBouncer's configuration depends on. */
export interface PgBouncerConfig {
  readonly version: string
  readonly port: number
  readonly poolSize: number
  readonly waitSeconds: number
  /** Where the PostgreSQL server is. */
  readonly server: { readonly host: string; readonly port: number }
  /** Absolute path of the file made by {@link pgBouncerUsers}. */
  readonly authFile: string
  /** Role that may read `pg_authid`, for the password of a role that the file does not name. */
  readonly authUser: string
  readonly consoleUser: string
}

const quoted = (value: string) => `'${value.replaceAll("'", "''")}'`

/** `pgbouncer.ini` in transaction mode, with the defaults of PgBouncer wherever a default says something about tenants. */
export const pgBouncerConfig = (config: PgBouncerConfig): string => {
  const { version, port, poolSize, waitSeconds, server, authFile, authUser, consoleUser } = config
  const settings = {
    listen_addr: '127.0.0.1',
    listen_port: port,
    unix_socket_dir: '',
    pool_mode: 'transaction',
    default_pool_size: poolSize,
    max_client_conn: 1000,
    auth_type: 'scram-sha-256',
    auth_file: authFile,
    auth_user: authUser,
    admin_users: consoleUser,
    server_tls_sslmode: 'prefer',
    // Off until 1.24.
    ...(isAtLeast(version, 21) && { max_prepared_statements: 200 }),
    // 15 s by default: too long for a test that takes the server down and up.
    server_login_retry: 0.1,
    query_wait_timeout: waitSeconds,
    log_connections: 0,
    log_disconnections: 0,
    log_stats: 0,
  }
  const lines = Object.entries(settings).map(([name, value]) => `${name} = ${value}`)
  const everyDatabase = `* = host=${quoted(server.host)} port=${server.port}`
  return `${['[databases]', everyDatabase, '', '[pgbouncer]', ...lines].join('\n')}\n`
}

/** The users that need no query to log in. Plain passwords: a SCRAM secret lets nobody log in to the server. */
export const pgBouncerUsers = (roles: readonly PostgresRole[]): string => {
  const field = (text: string) => `"${text.replaceAll('"', '""')}"`
  return roles.map(({ name, password }) => `${field(name)} ${field(password)}\n`).join('')
}
