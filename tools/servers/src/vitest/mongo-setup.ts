import type { TestProject } from 'vitest/node'
import { findMongo } from '../mongo/mongo-source.ts'
import type {} from './provided-mongo.ts'

const report = (line: string) => process.stderr.write(`${line}\n`)

/** Global setup of the vitest project `mongo`: finds out once which server there can be, and fetches what it needs. */
export const setup = async (project: TestProject): Promise<() => Promise<void>> => {
  const env = { ...process.env, ...project.config.env }
  const found = await findMongo(env)
  if ('missing' in found) {
    if (env.TENANTRY_REQUIRE_MONGO === '1') throw new Error(found.missing)
    report(`tenantry: project "${project.name}" is SKIPPED. ${found.missing}`)
    project.provide('tenantryMongo', { unavailable: found.missing })
    return () => Promise.resolve()
  }
  report(`tenantry: project "${project.name}" runs on ${found.source.label}`)
  project.provide('tenantryMongo', { descriptor: found.source })
  return found.stop
}
