import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { findPgBouncer } from '../pgbouncer/find-pgbouncer.ts'
import { type PgBouncer, startPgBouncer } from '../pgbouncer/start-pgbouncer.ts'
import { type PostgresServer, startPostgres } from '../postgres/start-postgres.ts'
import { serverLog } from '../server-log.ts'
import type {} from './provided-postgres.ts'

const report = (line: string) => process.stderr.write(`${line}\n`)

const setUpServer = async (project: TestProject, env: NodeJS.ProcessEnv): Promise<PostgresServer | undefined> => {
  try {
    const server = await startPostgres({ env })
    project.provide('tenantryPostgres', { descriptor: server.descriptor })
    return server
  } catch (error) {
    // A server named by URL was asked for expressly, and a required one must not be skipped over.
    if (env.TENANTRY_REQUIRE_PG === '1' || env.TENANTRY_PG_URL) throw error
    const reason = error instanceof Error ? error.message : String(error)
    report(`tenantry: project "${project.name}" is SKIPPED. ${reason}`)
    project.provide('tenantryPostgres', { unavailable: reason.split('\n', 1)[0] ?? reason })
    return undefined
  }
}

/** One that is missing is skipped over unless it is required; one that is there and does not start is a failure. */
const setUpPgBouncer = async (project: TestProject, env: NodeJS.ProcessEnv, server: PostgresServer | undefined) => {
  const program = await findPgBouncer(env)
  const missing = server ? 'missing' in program && program.missing : 'No PostgreSQL to put it before.'
  if (server && !missing) {
    const bouncer = await startPgBouncer({ server: server.descriptor, env })
    project.provide('tenantryPgBouncer', { descriptor: bouncer.descriptor })
    return bouncer
  }
  const reason = missing || 'No PgBouncer.'
  if (env.TENANTRY_REQUIRE_PGBOUNCER === '1') throw new Error(reason)
  report(`tenantry: project "${project.name}" SKIPS what goes through PgBouncer. ${reason}`)
  project.provide('tenantryPgBouncer', { unavailable: reason })
  return undefined
}

/** A PgBouncer that did not survive the tests: they saw refused connections, its log says why. */
const causeOfDeath = async ({ console, directory, descriptor }: PgBouncer): Promise<Error | undefined> => {
  const log = serverLog(join(directory, 'server.log'))
  return console('SHOW VERSION').then(
    () => undefined,
    async (cause: unknown) =>
      new Error(`PgBouncer ${descriptor.version} ended during the tests:\n${await log.tail(0)}`, { cause }),
  )
}

/**
 * Global setup of a vitest project: one server for all its files, and one PgBouncer before it. The project's `env` is read
 * before the process's own, so a project can ask for a version.
 */
export const setup = async (project: TestProject): Promise<() => Promise<void>> => {
  const env = { ...process.env, ...project.config.env }
  const server = await setUpServer(project, env)
  try {
    const bouncer = await setUpPgBouncer(project, env, server)
    return async () => {
      const death = bouncer && (await causeOfDeath(bouncer))
      await bouncer?.stop()
      await server?.stop()
      if (!death) return
      // Vitest shows what a teardown throws, and succeeds all the same.
      process.exitCode = 1
      throw death
    }
  } catch (error) {
    await server?.stop()
    throw error
  }
}
