import { dockerEngine } from '../docker-engine.ts'
import { connectPostgres, type PostgresConnection } from './connect-postgres.ts'
import { containPostgres } from './contain-postgres.ts'
import { debianPostgres } from './debian-postgres.ts'
import { embeddedPostgres } from './embedded-postgres.ts'
import { type LaunchedPostgres, launchPostgres } from './launch-postgres.ts'
import { type PostgresSource, sourceFromEnv } from './postgres-source.ts'
import { clearPostgres, setUpPostgres } from './set-up-postgres.ts'

/** What {@link startPostgres} may be told. */
export interface StartPostgresOptions {
  /** Where the server comes from; default: as the environment says, else embedded, else a container. */
  readonly source?: PostgresSource
  /** Default `process.env`; read for `TENANTRY_PG_URL`, `TENANTRY_PG` and `DOCKER_HOST`. */
  readonly env?: NodeJS.ProcessEnv
  /** Receives the one line that says what was started; default: standard error. */
  readonly report?: (line: string) => void
}

/** A server with the roles of a real deployment, and fresh databases. */
export interface PostgresServer extends PostgresConnection {
  /** Process id of a server that was launched here, otherwise undefined. */
  readonly pid: number | undefined
  /** Temporary directory of a server that was launched here, otherwise undefined. */
  readonly directory: string | undefined
  /** Loses the server: every connection breaks, data stays. @throws Error unless it was launched here. */
  down(): Promise<void>
  /** Brings it back, same port and data. @throws Error unless it was launched here. */
  up(): Promise<void>
  /** Ends what was started; on a server named by URL, removes this run's databases and roles. */
  stop(): Promise<void>
}

type Started = { readonly adminUrl: string; stop(): Promise<void>; readonly launched?: LaunchedPostgres }

const launchFrom = async (folder: string | undefined, missing: string): Promise<Started> => {
  if (!folder) throw new Error(missing)
  const launched = await launchPostgres(folder)
  return { adminUrl: launched.adminUrl, stop: launched.stop, launched }
}

const startSource = async (source: PostgresSource): Promise<Started> => {
  switch (source.kind) {
    case 'url':
      return { adminUrl: source.url, stop: () => Promise.resolve() }
    case 'debian':
      return launchFrom(
        debianPostgres(source.major),
        `No PostgreSQL ${source.major} in /usr/lib/postgresql/${source.major}/bin: install postgresql-${source.major}.`,
      )
    case 'embedded':
      return launchFrom(
        embeddedPostgres(),
        `No embedded PostgreSQL for ${process.platform}-${process.arch}: run the install with optional dependencies.`,
      )
    case 'container':
      return containPostgres()
  }
}

const defaultSource = async (env: NodeJS.ProcessEnv): Promise<PostgresSource> => {
  if (embeddedPostgres()) return { kind: 'embedded' }
  if (await dockerEngine(env)) return { kind: 'container' }
  throw new Error(
    `No PostgreSQL: npm has no embedded one installed for ${process.platform}-${process.arch} and no Docker engine answers. ` +
      'Set TENANTRY_PG_URL to a superuser URL of a running server, set TENANTRY_PG to an installed Debian major version, ' +
      'start Docker, or install with optional dependencies.',
  )
}

const labels = { url: 'TENANTRY_PG_URL', debian: 'Debian', embedded: 'embedded', container: 'container' } as const

/**
 * A real PostgreSQL: the one that `TENANTRY_PG_URL` names, else Debian's of major version `TENANTRY_PG`, else the
 * embedded one from npm, else a container. What it starts ends with this process, however this process ends.
 *
 * @example
 * const server = await startPostgres()
 * const { ownerUrl, runtimeUrl } = await server.freshDatabase()
 */
export const startPostgres = async (options: StartPostgresOptions = {}): Promise<PostgresServer> => {
  const { env = process.env, report = line => process.stderr.write(`${line}\n`) } = options
  const begun = performance.now()
  const source = options.source ?? sourceFromEnv(env) ?? (await defaultSource(env))
  const { adminUrl, stop, launched } = await startSource(source)
  const descriptor = await setUpPostgres(adminUrl, source.kind).catch(async (error: unknown) => {
    await stop()
    throw error
  })

  const { hostname, port } = new URL(adminUrl)
  const seconds = ((performance.now() - begun) / 1000).toFixed(1)
  report(
    `tenantry: PostgreSQL ${descriptor.version} (${labels[source.kind]}) on ${hostname}:${port || 5432}, ready in ${seconds} s`,
  )

  const ours = (): LaunchedPostgres => {
    if (launched) return launched
    throw new Error(`Only a server launched here can be taken down; this one is from ${labels[source.kind]}.`)
  }
  const end = async () => {
    if (source.kind === 'url') await clearPostgres(descriptor)
    await stop()
  }
  let stopping: Promise<void> | undefined
  return {
    ...connectPostgres(descriptor),
    get pid() {
      return launched?.pid
    },
    directory: launched?.directory,
    down: async () => ours().down(),
    up: async () => ours().up(),
    stop: () => {
      stopping ??= end()
      return stopping
    },
  }
}
