import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll } from 'vitest'
import { connectPgBouncer, type PgBouncerConnection, type PgBouncerDescriptor } from '../pgbouncer/connect-pgbouncer.ts'
import { startPgBouncer } from '../pgbouncer/start-pgbouncer.ts'
import { connectPostgres, type FreshDatabase, type PostgresConnection } from '../postgres/connect-postgres.ts'
import type { PostgresDescriptor } from '../postgres/postgres-descriptor.ts'
import { execute } from '../postgres/sql.ts'
import { type PostgresServer, startPostgres } from '../postgres/start-postgres.ts'

/** The project's server, for the tests of one `describePostgres`. Use it in hooks and tests, not while collecting. */
export interface PostgresForTests {
  readonly descriptor: PostgresDescriptor
  /** The pooler that `runtimeUrl` goes through, if any; may be asked while collecting (`it.skipIf(pg.bouncer)`). */
  readonly bouncer: PgBouncerConnection | undefined
  /** Give it to your pool: PgBouncer before 1.21 knows no named statements. May be asked while collecting. */
  readonly namedStatements: boolean
  /** A database that is dropped after the last test and hook; end your pools before that. */
  freshDatabase(): Promise<FreshDatabase>
  /** A second server of the same version, behind a pooler of its own if any, to take down and up; stopped likewise. */
  ownServer(): Promise<PostgresServer>
}

export const unavailablePostgres = (reason: string): PostgresForTests => {
  const refuse = () => {
    throw new Error(`Not here: ${reason}`)
  }
  return {
    get descriptor() {
      return refuse()
    },
    bouncer: undefined,
    namedStatements: false,
    freshDatabase: async () => refuse(),
    ownServer: async () => refuse(),
  }
}

const untilAnswered = async (url: string): Promise<void> => {
  for (const deadline = Date.now() + 10_000; ; await sleep(50)) {
    const failure = await execute(url, ['select 1']).then(
      () => undefined,
      (error: unknown) => ({ error }),
    )
    if (!failure) return
    if (Date.now() > deadline) throw failure.error
  }
}

/** Fresh databases whose `runtimeUrl` goes through the pooler; owner and superuser keep their direct way. */
const pooled =
  (bouncer: PgBouncerConnection, { freshDatabase }: PostgresConnection): PostgresConnection['freshDatabase'] =>
  async () => {
    const database = await freshDatabase()
    return { ...database, runtimeUrl: bouncer.pooledUrl(database) }
  }

/** A server with its own pooler before it. Everything else is about the server: the pooler stays up. */
const pooledServer = (server: PostgresServer, bouncer: PgBouncerConnection): PostgresServer => {
  const inUse = new Map<string, string>()
  const freshDatabase = pooled(bouncer, server)
  return {
    descriptor: server.descriptor,
    directory: server.directory,
    get pid() {
      return server.pid
    },
    freshDatabase: async () => {
      const database = await freshDatabase()
      inUse.set(database.name, database.runtimeUrl)
      const drop = () => {
        inUse.delete(database.name)
        return database.drop()
      }
      return { ...database, drop }
    },
    down: server.down,
    up: async () => {
      await server.up()
      // PgBouncer turns away the first client after a failed login to the server, and only then tries again.
      for (const url of inUse.values()) await untilAnswered(url)
    },
    stop: server.stop,
  }
}

export const availablePostgres = (descriptor: PostgresDescriptor, pooler?: PgBouncerDescriptor): PostgresForTests => {
  const leftovers: (() => Promise<void>)[] = []
  const bouncer = pooler && connectPgBouncer(pooler)
  const connection = connectPostgres(descriptor)
  const freshDatabase = bouncer ? pooled(bouncer, connection) : connection.freshDatabase
  // Hooks run last in, first out: this one, first in, comes after the tests' own.
  afterAll(async () => {
    for (const remove of leftovers.splice(0).reverse()) await remove()
  })
  return {
    descriptor,
    bouncer,
    namedStatements: pooler?.namedStatements ?? true,
    freshDatabase: async () => {
      const database = await freshDatabase()
      leftovers.push(database.drop)
      return database
    },
    ownServer: async () => {
      const { source, major } = descriptor
      const server = await startPostgres({
        source: source === 'debian' ? { kind: 'debian', major } : { kind: source === 'url' ? 'embedded' : source },
      })
      leftovers.push(server.stop)
      if (!pooler) return server
      const own = await startPgBouncer({ server: server.descriptor, poolSize: pooler.poolSize, waitSeconds: 2 })
      leftovers.push(own.stop)
      return pooledServer(server, own)
    },
  }
}
