import type { Finding } from '@tenantry/core'
import { quoteIdentifier, quoteQualified } from '@tenantry/pg'
import type { Catalog } from '../catalog.ts'
import { sealDefaults } from '../seal/seal-sql.ts'
import { storedSettingFindings } from './stored-setting-checks.ts'
import { versionFindings } from './version-checks.ts'

/** What the checks of server and database need to know. */
export interface ServerTerms {
  readonly setting: string
  readonly sealed: boolean
}

/** Predefined roles that reach over tenants (section "Predefined Roles"), with what the catalogue calls it. */
const predefinedRoles: Readonly<Record<string, readonly [string, Finding['severity'], string]>> = {
  pg_read_server_files: ['R2', 'error', 'reads the files of the server, the data of all tenants among them.'],
  pg_write_server_files: ['R2', 'error', 'writes the files of the server, and so becomes a superuser.'],
  pg_execute_server_program: ['R2', 'error', 'runs programs as the server, and so becomes a superuser.'],
  pg_read_all_data: ['R6', 'warning', 'reads every table, also those that nobody put under row-level security.'],
  pg_write_all_data: ['R6', 'warning', 'writes every table, also those that nobody put under row-level security.'],
  pg_monitor: ['R29', 'warning', "sees other sessions' statements and locks."],
  pg_read_all_stats: ['R29', 'warning', "sees other sessions' statements, with the values that stand in them."],
  pg_stat_scan_tables: ['R29', 'warning', "locks and scans tables, and sees other sessions' locks."],
  pg_signal_backend: ['R37', 'warning', 'ends the sessions of other roles.'],
  pg_maintain: ['R24', 'warning', 'locks every table against all tenants.'],
  pg_create_subscription: ['R42', 'warning', 'copies tables of other servers to here, where no policy holds for it.'],
}

/** What is wrong with the server, the database, and what they allow the role. */
export function serverChecks({ server, role }: Catalog, { setting, sealed }: ServerTerms): Finding[] {
  const findings: Finding[] = [...versionFindings(server.version)]
  const runtime = quoteIdentifier(role.name)
  const database = quoteIdentifier(role.database)
  function add(id: string, severity: Finding['severity'], object: string, problem: string, fix: string): void {
    findings.push({ id, severity, object, problem, fix })
  }

  findings.push(...storedSettingFindings(server.stored, { setting, seal: sealDefaults.setting }))
  if (server.standing !== '' && !server.stored.some(({ name }) => name === setting)) {
    const fix = `Take ${setting} out of the connection's options and out of postgresql.conf; set it for one transaction only.`
    add('R12', 'error', `role ${role.name}`, `has ${setting} set outside any transaction, to a tenant.`, fix)
  }
  // pg_monitor holds the next two itself.
  const monitor = server.predefined.some(({ name }) => name === 'pg_monitor')
  for (const { name, through } of server.predefined) {
    const known = predefinedRoles[name]
    if (known === undefined || (monitor && (name === 'pg_read_all_stats' || name === 'pg_stat_scan_tables'))) continue
    const [id, severity, problem] = known
    const fix = `revoke ${through.map(quoteIdentifier).join(', ')} from ${runtime}`
    // It reads the keys as well.
    const worst = sealed && /_all_data$/.test(name) ? 'error' : severity
    add(id, worst, `role ${role.name}`, `is a member of ${name}, which ${problem}`, fix)
  }
  for (const name of server.leakproof) {
    const problem = 'is marked LEAKPROOF, so that the server may run it on rows before the policies have been asked.'
    add('R31', 'error', `function ${name}`, problem, `alter function ${name} not leakproof`)
  }
  for (const { name, from } of server.catalogs) {
    const problem = `may be read by ${role.name}: it shows what row-level security hides.`
    const fix = `revoke select on pg_catalog.${quoteIdentifier(name)} from ${from.join(', ')}`
    add('R18', 'error', `catalogue ${name}`, problem, fix)
  }
  if (server.largeObjectsOpen) {
    const fix = `alter database ${database} reset lo_compat_privileges -- and in postgresql.conf`
    const problem = 'has lo_compat_privileges on, so that everybody reads all large objects.'
    add('R25', 'warning', `database ${role.database}`, problem, fix)
  }
  // Without a seal, SQL of the attacker's own reads every tenant in any case; a number that a caller chooses does so with one
  // as without, once there is something to read.
  if (server.largeObjects.length > 0 && (sealed || server.holdsLargeObjects)) {
    const holders = [...new Set(server.largeObjects.flatMap(({ from }) => from))].sort()
    const names = server.largeObjects.map(({ name }) => name)
    const problem = `lets ${role.name} make and open large objects: those of all tenants belong to this one role, and no policy holds for them.`
    const fix = `revoke execute on function ${names.join(', ')} from ${holders.join(', ')} -- bytes of a tenant belong in a bytea column`
    add('R25', 'warning', `database ${role.database}`, problem, fix)
  }
  for (const { name, from } of server.files) {
    const problem = `lets ${role.name} read or write files of the server, the data of all tenants among them.`
    add('R2', 'error', `function ${name}`, problem, `revoke execute on function ${name} from ${from.join(', ')}`)
  }
  if (server.createsSchemas.length > 0) {
    const problem = `lets ${role.name} create schemas, and in them objects that others may call by accident.`
    const fix = `revoke create on database ${database} from ${server.createsSchemas.join(', ')}`
    add('R38', 'warning', `database ${role.database}`, problem, fix)
  }
  // Without a seal, SQL of the attacker's own reads every tenant in any case.
  for (const { name, from } of sealed ? server.languages : []) {
    const problem = `lets ${role.name} run DO blocks: injected SQL can then prepare statements that the next tenant executes.`
    const fix = `revoke usage on language ${quoteIdentifier(name)} from ${from.join(', ')}`
    add('R27', 'warning', `language ${name}`, problem, fix)
  }
  for (const trigger of server.triggers) {
    const object = `trigger ${trigger.name} on ${trigger.schema}.${trigger.table}`
    if (trigger.bypass) {
      const problem = `runs as ${trigger.owner}, for whom no policy holds.`
      add('R34', 'error', object, problem, `alter function ${trigger.function} security invoker`)
    } else if (!trigger.pinned) {
      const fix = `alter function ${trigger.function} set search_path = pg_catalog, ${quoteIdentifier(trigger.functionSchema)}, pg_temp`
      add('R34', 'warning', object, `runs as ${trigger.owner} with the caller's search_path.`, fix)
    }
  }
  for (const { schema, table, name } of server.rules) {
    const fix = `drop rule ${quoteIdentifier(name)} on ${quoteQualified(schema, table)}`
    add(
      'R34',
      'warning',
      `table ${schema}.${table}`,
      `has the rule ${name}, whose statements run as the table's owner.`,
      fix,
    )
  }
  return findings
}
