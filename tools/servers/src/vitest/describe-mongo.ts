import { afterAll, beforeAll, describe, inject } from 'vitest'
import { hasTransactions, type MongoKind, type MongoSource } from '../mongo/mongo-source.ts'
import { type MongoServer, startMongo } from '../mongo/start-mongo.ts'
import type {} from './provided-mongo.ts'

/** The server of one `describeMongo`. Kind, label and `hasTransactions` may be asked while collecting, the rest in hooks and tests. */
export interface MongoForTests {
  readonly kind: MongoKind
  readonly label: string
  readonly hasTransactions: boolean
  /** An administrator's URL. */
  readonly url: string
  /** What the names of this suite's databases begin with; they are dropped after its last test. */
  readonly prefix: string
}

const forTests = (source: Pick<MongoSource, 'kind' | 'label'>, server: () => MongoServer): MongoForTests => ({
  kind: source.kind,
  label: source.label,
  hasTransactions: hasTransactions(source),
  get url() {
    return server().url
  },
  get prefix() {
    return server().prefix
  },
})

const skipped = (name: string, reason: string, tests: (mongo: MongoForTests) => void) => {
  const nowhere = { kind: 'standalone', label: 'no server' } as const
  const refuse = () => {
    throw new Error(`Not here: ${reason}`)
  }
  describe.skip(`${name} [skipped: ${reason}]`, () => tests(forTests(nowhere, refuse)))
}

const running = (name: string, source: MongoSource, tests: (mongo: MongoForTests) => void) => {
  describe(`${name} [${source.label}]`, () => {
    let server: MongoServer | undefined
    // Hooks of one kind run last in, first out at the end: this one, first in, comes after the tests' own.
    beforeAll(async () => {
      server = await startMongo({ source, report: () => undefined })
    })
    afterAll(async () => server?.stop())
    tests(
      forTests(source, () => {
        if (server === undefined) throw new Error('The server runs in hooks and tests, not while tests are collected.')
        return server
      }),
    )
  })
}

const provided = () => {
  const found = inject('tenantryMongo')
  if (!found) throw new Error('This vitest project has no MongoDB: name the file *.mongo.test.ts.')
  return found
}

/**
 * A `describe` against a server that speaks MongoDB's protocol; the title says which. Each suite has a server of its own, or a prefix
 * of its own on the one that `TENANTRY_MONGO_URL` names.
 *
 * @throws Error in a vitest project that has none: such files are named `*.mongo.test.ts`.
 */
export const describeMongo = (name: string, tests: (mongo: MongoForTests) => void): void => {
  const found = provided()
  if ('unavailable' in found) skipped(name, found.unavailable, tests)
  else running(name, found.descriptor, tests)
}

/** {@link describeMongo} for what only a real replica set has: sessions, transactions, users, change streams, authentication. */
export const describeReplicaSet = (name: string, tests: (mongo: MongoForTests) => void): void => {
  const found = provided()
  if ('unavailable' in found) skipped(name, found.unavailable, tests)
  else if (hasTransactions(found.descriptor)) running(name, found.descriptor, tests)
  else skipped(name, `needs a MongoDB replica set, and this is ${found.descriptor.label}`, tests)
}
