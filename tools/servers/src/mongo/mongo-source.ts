import { MongoClient } from 'mongodb'
import { dockerEngine } from '../docker-engine.ts'
import { containMongo } from './contain-mongo.ts'
import { launchMongoJava } from './launch-mongo-java.ts'
import { mongoJavaJars, mongoJavaVersion } from './mongo-java-jars.ts'

/** A MongoDB, or what speaks like one. */
export type MongoKind = 'replica set' | 'sharded cluster' | 'standalone' | 'mongo-java-server'

/** Where a server is, or how it is made: plain data, which goes from vitest's global setup to its test files. */
export interface MongoSource {
  readonly kind: MongoKind
  /** For people: kind and version. */
  readonly label: string
  /** An administrator's URL of a server that runs; absent for one that each test file starts for itself. */
  readonly url?: string
  /** The jars of the one that each test file starts for itself. */
  readonly jars?: string
}

/** A source that is there, or why there is none. */
export type FoundMongo = { readonly source: MongoSource; stop(): Promise<void> } | { readonly missing: string }

const nothing = () => Promise.resolve()

/** Asks a server what it is. */
const lookAt = async (url: string): Promise<MongoSource> => {
  const client = new MongoClient(url, { serverSelectionTimeoutMS: 10_000 })
  try {
    const admin = client.db('admin')
    const { setName, msg } = await admin.command({ hello: 1 })
    const { version } = await admin.command({ buildInfo: 1 })
    const kind = setName ? 'replica set' : msg === 'isdbgrid' ? 'sharded cluster' : 'standalone'
    return { kind, label: `MongoDB ${version}, ${kind}`, url }
  } finally {
    await client.close()
  }
}

/**
 * The server that `TENANTRY_MONGO_URL` names, else a replica set in a container, else mongo-java-server.
 *
 * @throws Error when one that should be there cannot be reached or fetched.
 */
export const findMongo = async (env: NodeJS.ProcessEnv = process.env): Promise<FoundMongo> => {
  if (env.TENANTRY_MONGO_URL) return { source: await lookAt(env.TENANTRY_MONGO_URL), stop: nothing }
  if (await dockerEngine(env)) {
    const { url, stop } = await containMongo()
    return { source: await lookAt(url), stop }
  }
  const found = await mongoJavaJars()
  if ('missing' in found)
    return { missing: `${found.missing} Set TENANTRY_MONGO_URL, start Docker, or install a JDK and Maven.` }
  const label = `mongo-java-server ${mongoJavaVersion}, not MongoDB`
  return { source: { kind: 'mongo-java-server', label, jars: found.folder }, stop: nothing }
}

/** Whether a server of this kind has sessions and transactions. */
export const hasTransactions = ({ kind }: Pick<MongoSource, 'kind'>): boolean =>
  kind === 'replica set' || kind === 'sharded cluster'

/** Makes use of a source: starts a server, if it is of the kind that is started. */
export const openMongo = async ({
  url,
  jars,
}: MongoSource): Promise<{ readonly url: string; stop(): Promise<void> }> => {
  if (url !== undefined) return { url, stop: nothing }
  if (jars === undefined) throw new Error('A source of MongoDB has a URL or jars.')
  const server = await launchMongoJava(jars)
  return { url: `mongodb://127.0.0.1:${server.port}/`, stop: server.stop }
}
