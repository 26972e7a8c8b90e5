import type { TestProject } from 'vitest/node'
import { findRedis } from '../redis/find-redis.ts'
import type {} from './provided-redis.ts'

/** Global setup of a vitest project: whether there can be a Redis. Each `describeRedis` starts its own. */
export const setup = async (project: TestProject): Promise<void> => {
  const env = { ...process.env, ...project.config.env }
  const source = await findRedis(env)
  const missing = 'missing' in source ? source.missing : undefined
  if (missing !== undefined && env.TENANTRY_REQUIRE_REDIS === '1') throw new Error(missing)
  if (missing !== undefined) process.stderr.write(`tenantry: project "${project.name}" is SKIPPED. ${missing}\n`)
  project.provide('tenantryRedis', { missing })
}
