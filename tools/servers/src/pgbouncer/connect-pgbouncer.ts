import { withClient } from '../postgres/sql.ts'

/** All that another process needs to use a PgBouncer; plain JSON. Holds a password: not for logs. */
export interface PgBouncerDescriptor {
  readonly version: string
  /** On 127.0.0.1. */
  readonly port: number
  /** Server connections per database and role. */
  readonly poolSize: number
  /** Whether it knows named prepared statements in transaction mode (1.21 and later); give it to your pool. */
  readonly namedStatements: boolean
  /** Its administration console, where only `SHOW`, `PAUSE` and the like are understood. */
  readonly consoleUrl: string
}

/** A PgBouncer in transaction mode, seen from any process that has its descriptor. */
export interface PgBouncerConnection {
  readonly descriptor: PgBouncerDescriptor
  /** The same database, role and password, through the pooler. Any login role of the server will do. */
  pooledUrl(database: { readonly runtimeUrl: string }): string
  /** Runs a command of the console, such as `SHOW POOLS` or `KILL name`. */
  console(command: string): Promise<Record<string, unknown>[]>
}

/** Uses a PgBouncer that another process started. Opens nothing by itself; nothing to close. */
export const connectPgBouncer = (descriptor: PgBouncerDescriptor): PgBouncerConnection => ({
  descriptor,
  pooledUrl: ({ runtimeUrl }) => {
    const url = new URL(runtimeUrl)
    url.host = `127.0.0.1:${descriptor.port}`
    // TLS and the like are between PgBouncer and the server.
    url.search = ''
    return url.href
  },
  console: command => withClient(descriptor.consoleUrl, async client => (await client.query(command)).rows),
})
