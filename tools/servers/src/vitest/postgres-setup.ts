import type { TestProject } from 'vitest/node'
import { startPostgres } from '../postgres/start-postgres.ts'
import type {} from './provided-postgres.ts'

/**
 * Global setup of a vitest project: one server for all its files. The project's `env` is read before the process's own,
 * so a project can ask for a version.
 */
export const setup = async (project: TestProject): Promise<(() => Promise<void>) | undefined> => {
  const env = { ...process.env, ...project.config.env }
  try {
    const server = await startPostgres({ env })
    project.provide('tenantryPostgres', { descriptor: server.descriptor })
    return server.stop
  } catch (error) {
    // A server named by URL was asked for expressly, and a required one must not be skipped over.
    if (env.TENANTRY_REQUIRE_PG === '1' || env.TENANTRY_PG_URL) throw error
    const reason = error instanceof Error ? error.message : String(error)
    process.stderr.write(`tenantry: project "${project.name}" is SKIPPED. ${reason}\n`)
    project.provide('tenantryPostgres', { unavailable: reason.split('\n', 1)[0] ?? reason })
    return undefined
  }
}
