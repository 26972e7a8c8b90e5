import { randomBytes } from 'node:crypto'
import { MongoClient } from 'mongodb'
import { findMongo, hasTransactions, type MongoKind, type MongoSource, openMongo } from './mongo-source.ts'

/** What {@link startMongo} may be told. */
export interface StartMongoOptions {
  /** Found before, such as by vitest's global setup; default: as the environment says. */
  readonly source?: MongoSource
  /** Default `process.env`; read for `TENANTRY_MONGO_URL` and `DOCKER_HOST`. */
  readonly env?: NodeJS.ProcessEnv
  /** Receives the one line that says what was started; default: standard error. */
  readonly report?: (line: string) => void
}

/** A server that speaks MongoDB's protocol. */
export interface MongoServer {
  readonly kind: MongoKind
  /** For people: kind and version. */
  readonly label: string
  /** An administrator's URL. */
  readonly url: string
  /** Whether it has sessions, transactions, users and change streams. */
  readonly hasTransactions: boolean
  /** What the names of this run's databases and users begin with, so that runs do not meet on one server. */
  readonly prefix: string
  /** Ends what was started; on a server that was there before, drops the databases and users of this run. */
  stop(): Promise<void>
}

/** Drops what a run has left on a server that goes on. */
const clear = async (url: string, prefix: string): Promise<void> => {
  const client = new MongoClient(url)
  try {
    const { databases } = await client.db('admin').admin().listDatabases({ nameOnly: true })
    for (const { name } of databases) if (name.startsWith(prefix)) await client.db(name).dropDatabase()
    const { users } = await client.db('admin').command({ usersInfo: { forAllDBs: true } })
    for (const { user, db } of users) {
      if (String(db).startsWith(prefix)) await client.db(db).command({ dropUser: user })
    }
  } finally {
    await client.close()
  }
}

/**
 * The MongoDB that `TENANTRY_MONGO_URL` names, else a replica set in a container, else mongo-java-server, which ends with this process.
 *
 * @throws Error when there is none of them; it says what to install.
 */
export const startMongo = async (options: StartMongoOptions = {}): Promise<MongoServer> => {
  const { env = process.env, report = line => process.stderr.write(`${line}\n`) } = options
  const begun = performance.now()
  const found = options.source ? { source: options.source, stop: () => Promise.resolve() } : await findMongo(env)
  if ('missing' in found) throw new Error(found.missing)
  const { source } = found
  const { url, stop } = await openMongo(source)
  const prefix = `t${randomBytes(4).toString('hex')}_`
  report(`tenantry: ${source.label}, ready in ${((performance.now() - begun) / 1000).toFixed(1)} s`)
  const end = async () => {
    if (source.url !== undefined) await clear(url, prefix)
    await stop()
    await found.stop()
  }
  let stopping: Promise<void> | undefined
  return {
    kind: source.kind,
    label: source.label,
    url,
    hasTransactions: hasTransactions(source),
    prefix,
    stop: () => {
      stopping ??= end()
      return stopping
    },
  }
}
