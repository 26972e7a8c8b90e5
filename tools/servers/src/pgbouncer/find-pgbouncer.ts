import { execFile } from 'node:child_process'
import { delimiter, isAbsolute, join } from 'node:path'
import { promisify } from 'node:util'
import { isExecutable } from '../is-executable.ts'

/** A program file of PgBouncer. */
export interface PgBouncerProgram {
  readonly path: string
  /** As the program says it: `1.18.0`. */
  readonly version: string
}

/** Why there is no PgBouncer here; anything else that goes wrong with one is a failure, not a reason to skip tests. */
export interface PgBouncerMissing {
  readonly missing: string
}

/** The program that `TENANTRY_PGBOUNCER` names, else the one on `PATH`, else Debian's, which users have off their `PATH`. */
export const findPgBouncer = async (
  env: NodeJS.ProcessEnv = process.env,
): Promise<PgBouncerProgram | PgBouncerMissing> => {
  const { TENANTRY_PGBOUNCER: named, PATH = '' } = env
  const folders = [...PATH.split(delimiter).filter(isAbsolute), '/usr/sbin']
  const path = (named ? [named] : folders.map(folder => join(folder, 'pgbouncer'))).find(isExecutable)
  if (!path) {
    return { missing: named ? `No PgBouncer at ${named}.` : 'No PgBouncer on PATH or in /usr/sbin: install pgbouncer.' }
  }
  const { stdout } = await promisify(execFile)(path, ['--version'])
  const version = /^PgBouncer (\d+\.\d+\.\d+)/m.exec(stdout)?.[1]
  if (!version) throw new Error(`${path} --version names no version of PgBouncer.`)
  return { path, version }
}

/** Whether a version such as `1.18.0` is at least `1.<minor>`. */
export const isAtLeast = (version: string, minor: number): boolean => {
  const [first = 0, second = 0] = version.split('.').map(Number)
  return first > 1 || second >= minor
}
