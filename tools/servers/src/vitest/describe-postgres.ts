import { afterAll, describe, inject } from 'vitest'
import { connectPostgres, type FreshDatabase } from '../postgres/connect-postgres.ts'
import type { PostgresDescriptor } from '../postgres/postgres-descriptor.ts'
import { type PostgresServer, startPostgres } from '../postgres/start-postgres.ts'
import type {} from './provided-postgres.ts'

/** The project's server, for the tests of one {@link describePostgres}. Use it in hooks and tests, not while collecting. */
export interface PostgresForTests {
  readonly descriptor: PostgresDescriptor
  /** A database that is dropped after the last test and hook; end your pools before that. */
  freshDatabase(): Promise<FreshDatabase>
  /** A second server of the same version, to take down and up; stopped after the last test and hook. */
  ownServer(): Promise<PostgresServer>
}

const unavailable = (reason: string): PostgresForTests => {
  const refuse = () => {
    throw new Error(`No PostgreSQL here: ${reason}`)
  }
  return {
    get descriptor() {
      return refuse()
    },
    freshDatabase: async () => refuse(),
    ownServer: async () => refuse(),
  }
}

const available = (descriptor: PostgresDescriptor): PostgresForTests => {
  const leftovers: (() => Promise<void>)[] = []
  const { freshDatabase } = connectPostgres(descriptor)
  // Hooks run last in, first out: this one, first in, comes after the tests' own.
  afterAll(async () => {
    for (const remove of leftovers.splice(0).reverse()) await remove()
  })
  return {
    descriptor,
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
      return server
    },
  }
}

/**
 * A `describe` against the project's real PostgreSQL. Without a server all of it is skipped, and its name says why.
 *
 * @throws Error in a vitest project that has no PostgreSQL: such files are named `*.pg.test.ts`.
 * @example
 * describePostgres('notes', pg => {
 *   it('has a database', async () => {
 *     const { runtimeUrl } = await pg.freshDatabase()
 *   })
 * })
 */
export const describePostgres = (name: string, tests: (pg: PostgresForTests) => void): void => {
  const provided = inject('tenantryPostgres')
  if (!provided) throw new Error('This vitest project has no PostgreSQL: name the file *.pg.test.ts.')
  if ('unavailable' in provided) {
    const { unavailable: reason } = provided
    describe.skip(`${name} [skipped: ${reason}]`, () => tests(unavailable(reason)))
  } else describe(name, () => tests(available(provided.descriptor)))
}
