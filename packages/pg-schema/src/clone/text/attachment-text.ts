import { quoteIdentifier } from '@tenantry/pg'
import type { IndexFacts, PolicyFacts, RuleFacts, StatisticsFacts, TriggerFacts } from '../catalog/facts.ts'
import type { Lookup } from '../lookup.ts'
import { type Text, words } from '../names.ts'
import { optionText } from './option-text.ts'
import { unqualified } from './unqualified.ts'

/** The statement that makes an index which serves no constraint. */
export function indexText(index: IndexFacts, lookup: Lookup): string {
  const table = lookup.relation(index.relation)
  const unique = index.isUnique ? 'UNIQUE ' : ''
  const only = table.kind === 'p' ? 'ONLY ' : ''
  const head = `CREATE ${unique}INDEX ${index.name} ON ${only}`
  return unqualified(index.definition ?? '', { head, schema: lookup.catalog.schema.quoted, table: table.name })
}

/** What is set for an index, each as an action of `ALTER INDEX`. Only a constraint's has options that its definition does not tell. */
export function indexSettings(index: IndexFacts, lookup: Lookup): readonly string[] {
  const constraint = lookup.constraintOf(index.oid)
  const options = constraint === undefined || constraint.type === 'x' ? null : index.options
  return [
    ...(options === null ? [] : [`SET (${options.map(optionText).join(', ')})`]),
    ...(index.tablespace === null ? [] : [`SET TABLESPACE ${index.tablespace}`]),
    ...index.targets,
  ]
}

/** The statement that makes a trigger or a rule. */
export function hookText(hook: TriggerFacts | RuleFacts, lookup: Lookup): string {
  const table = lookup.relation(hook.relation).name
  return unqualified(hook.definition, { head: hook.head, schema: lookup.catalog.schema.quoted, table }).replace(
    /;$/,
    '',
  )
}

const states: Readonly<Record<string, string>> = { D: 'DISABLE', R: 'ENABLE REPLICA', A: 'ENABLE ALWAYS' }

/** How a trigger or rule is switched, as an action of `ALTER TABLE`; nothing where it is as it was made. */
export function hookState({ name, enabled }: TriggerFacts | RuleFacts, what: 'TRIGGER' | 'RULE'): string | undefined {
  return enabled === 'O' ? undefined : `${states[enabled]} ${what} ${name}`
}

const commands: Readonly<Record<string, string>> = { r: 'SELECT', a: 'INSERT', w: 'UPDATE', d: 'DELETE', '*': 'ALL' }

/** The statement that makes a policy. One for the template's tenant role is for the clone's. */
export function policyText(policy: PolicyFacts, lookup: Lookup, role: string | undefined): Text {
  const table = lookup.relation(policy.relation).name
  return names => {
    const roles = policy.roles.map(name => {
      if (name === '') return 'PUBLIC'
      return name === role ? (names.role ?? '') : quoteIdentifier(name)
    })
    return words(
      `CREATE POLICY ${policy.name} ON ${table} AS ${policy.permissive ? 'PERMISSIVE' : 'RESTRICTIVE'}`,
      `FOR ${commands[policy.command]} TO ${roles.sort().join(', ')}`,
      policy.using !== null && `USING (${policy.using})`,
      policy.check !== null && `WITH CHECK (${policy.check})`,
    )
  }
}

const kinds: Readonly<Record<string, string>> = { d: 'ndistinct', f: 'dependencies', m: 'mcv' }

/** The statement that makes extended statistics. For a single expression the server knows no kinds. */
export function statisticsText(statistics: StatisticsFacts, lookup: Lookup): string {
  const named = statistics.kinds.flatMap(kind => kinds[kind] ?? [])
  const list = named.length === 0 ? '' : ` (${named.join(', ')})`
  const table = lookup.catalog.relations.find(({ oid }) => oid === statistics.relation)?.name ?? statistics.table
  return `CREATE STATISTICS ${statistics.name}${list} ON ${statistics.columns} FROM ${table}`
}
