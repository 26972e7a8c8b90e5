import type { Finding } from '@tenantry/core'
import { tableRows } from './commands/command-table.ts'
import { type FindKeys, findKeys } from './commands/key-spec.ts'
import type { ServerTable } from './server-table.ts'

/** What differs between a server and what is believed of it (threats C1). */
export function checkTable(table: ServerTable, more: readonly string[]): readonly Finding[] {
  const findings: Finding[] = []
  const finding = (name: string, problem: string, fix: string) =>
    void findings.push({ id: 'C1', severity: 'error', object: `command ${name}`, problem, fix })
  for (const [name, spec] of tableRows) {
    // One that the server does not know, it will not run.
    if (table.has(name) && table.get(name)?.spec !== spec) {
      const fix = 'Use a server and a version of this package that know each other.'
      finding(name, 'has its keys elsewhere on this server.', fix)
    }
  }
  for (const name of more) {
    if (!table.has(name))
      finding(name, 'is not known to this server.', 'Take it out of "commands", or load the module.')
    else if (table.get(name)?.spec === undefined) {
      finding(
        name,
        'does not say where its keys stand.',
        'Take it out of "commands": nothing can put its keys under a tenant.',
      )
    }
    if (table.get(name)?.blocks === true) {
      finding(
        name,
        'can make a connection wait that tenants share.',
        'Take it out of "commands"; send it by a connection of your own.',
      )
    }
  }
  return findings
}

/** Where the keys of further commands stand, by the server's own word. */
export function moreCommands(table: ServerTable, names: readonly string[]): ReadonlyMap<string, FindKeys> {
  return new Map(
    names.flatMap(name => {
      const spec = table.get(name)?.spec
      return spec === undefined ? [] : [[name, findKeys(spec)] as const]
    }),
  )
}
