import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { debianPostgres } from '@tenantry/servers'
import type { PostgresForTests } from '@tenantry/servers/vitest'

/** A program file of pg_dump, or why there is none. */
export type PgDump = { readonly path: string } | { readonly missing: string }

/**
 * Debian's pg_dump of the server's own version: an older one refuses the server, and npm's servers bring none. Where tests must have
 * their Postgres they must have it too.
 *
 * @throws Error when it is missing and required.
 */
export function findPgDump(server: PostgresForTests, env: NodeJS.ProcessEnv = process.env): PgDump {
  const { major, source } = server.descriptor
  const folder = debianPostgres(major)
  const path = folder && join(folder, 'pg_dump')
  if (path && existsSync(path)) return { path }
  const missing = `There is no pg_dump ${major} here: npm's Postgres brings none; install postgresql-client-${major}.`
  if (env.TENANTRY_REQUIRE_PG === '1' && source === 'debian') throw new Error(missing)
  process.stderr.write(`tenantry: tests that need pg_dump ${major} are SKIPPED. ${missing}\n`)
  return { missing }
}

/** The lines of a schema's dump. Grants of one object stand in the order in which they were made, which means nothing. */
export async function pgDump(program: PgDump, url: string, schema: string): Promise<readonly string[]> {
  if ('missing' in program) throw new Error(program.missing)
  const options = ['--schema-only', `--schema="${schema}"`, url]
  const { stdout } = await promisify(execFile)(program.path, options, { maxBuffer: 2 ** 26 })
  const lines = stdout.split('\n').filter(line => !/^\\(un)?restrict /.test(line))
  const blocks: string[][] = [[]]
  for (const line of lines) {
    const last = blocks.at(-1) ?? []
    const grant = /^(GRANT|REVOKE) /.test(line)
    if (grant === /^(GRANT|REVOKE) /.test(last[0] ?? '') && grant) last.push(line)
    else blocks.push([line])
  }
  return blocks.flatMap(block => block.sort())
}
