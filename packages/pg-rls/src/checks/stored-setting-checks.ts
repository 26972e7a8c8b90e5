import type { Finding } from '@tenantry/core'
import { quoteIdentifier } from '@tenantry/pg'
import type { StoredSetting } from '../server-facts.ts'

/** Settings that decide what a session sees, and what a stored one does. Roles may store most of them for themselves (R36). */
const guarded: Readonly<Record<string, readonly [Finding['severity'], string]>> = {
  session_replication_role: ['error', 'so that triggers and foreign keys do not fire.'],
  row_security: ['error', 'so that queries under a policy fail.'],
  role: ['error', 'so that sessions start as another role.'],
  session_authorization: ['error', 'so that sessions start as another role.'],
  local_preload_libraries: ['warning', 'so that sessions start with code of its choice.'],
  session_preload_libraries: ['warning', 'so that sessions start with code of its choice.'],
  // Only the owner of a database can say it for the database, and has reasons to.
  search_path: ['warning', 'which the role can do itself, and which decides what unqualified names mean.'],
}

/** What is wrong with the settings that sessions of the role start with. */
export function storedSettingFindings(
  stored: readonly StoredSetting[],
  { setting, seal }: { readonly setting: string; readonly seal: string },
): Finding[] {
  return stored.flatMap(({ name, value, role, database }) => {
    const where = role === null ? `database ${database}` : `role ${role}`
    const object = role === null && database === null ? 'role all' : where
    const fix = resetOf(name, role, database)
    if (name === setting || name === seal) {
      const problem = `starts every session with ${name} = ${JSON.stringify(value)}, also where no tenant was named.`
      return [{ id: 'R12', severity: 'error' as const, object, problem, fix }]
    }
    const known = guarded[name]
    if (known === undefined || (name === 'search_path' && role === null)) return []
    const [severity, what] = known
    return [{ id: 'R36', severity, object, problem: `has ${name} = ${JSON.stringify(value)} stored, ${what}`, fix }]
  })
}

function resetOf(name: string, role: string | null, database: string | null): string {
  const setting = name.split('.').map(quoteIdentifier).join('.')
  if (role === null && database !== null) return `alter database ${quoteIdentifier(database)} reset ${setting}`
  const whose = role === null ? 'all' : quoteIdentifier(role)
  const within = database === null ? '' : ` in database ${quoteIdentifier(database)}`
  return `alter role ${whose}${within} reset ${setting}`
}
