import type { Finding } from '@tenantry/core'
import { tableRows } from './commands/command-table.ts'
import { type FindKeys, findKeys } from './commands/key-spec.ts'

/** What differs between a server and what is believed of it (threats C1). */
export function checkTable(
  table: ReadonlyMap<string, string | undefined>,
  more: readonly string[],
): readonly Finding[] {
  const findings: Finding[] = []
  const finding = (name: string, problem: string, fix: string) =>
    void findings.push({ id: 'C1', severity: 'error', object: `command ${name}`, problem, fix })
  for (const [name, spec] of tableRows) {
    // One that the server does not know, it will not run.
    if (table.has(name) && table.get(name) !== spec) {
      const fix = 'Use a server and a version of this package that know each other.'
      finding(name, 'has its keys elsewhere on this server.', fix)
    }
  }
  for (const name of more) {
    if (!table.has(name))
      finding(name, 'is not known to this server.', 'Take it out of "commands", or load the module.')
    else if (table.get(name) === undefined) {
      finding(
        name,
        'does not say where its keys stand.',
        'Take it out of "commands": nothing can put its keys under a tenant.',
      )
    }
  }
  return findings
}

/** Where the keys of further commands stand, by the server's own word. */
export function moreCommands(
  table: ReadonlyMap<string, string | undefined>,
  names: readonly string[],
): ReadonlyMap<string, FindKeys> {
  return new Map(
    names.flatMap(name => {
      const spec = table.get(name)
      return spec === undefined ? [] : [[name, findKeys(spec)] as const]
    }),
  )
}
