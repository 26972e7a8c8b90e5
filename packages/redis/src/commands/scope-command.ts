import type { Command } from 'ioredis'
import type { CommandRule, RuleContext } from './command-rule.ts'
import { blockingCommands, containers, tableRows } from './command-table.ts'
import { type Argument, type FindKeys, findKeys } from './key-spec.ts'
import type { Names } from './names.ts'
import { refusal } from './refusal.ts'
import { nameFirst, type ReadReply } from './replies.ts'
import { specialCommands } from './special-commands.ts'
import { readValue, wrapValues } from './value-envelope.ts'

/** How commands are put into the key space of a tenant. */
export interface Terms extends Omit<RuleContext, 'names' | 'command'> {
  /** Commands beyond the table, with where their keys stand by the server's own word. */
  readonly more: ReadonlyMap<string, FindKeys>
  /** Whether values carry their tenant. */
  readonly envelope: boolean
  /** Told when an answer holds what is not the tenant's: nothing that the connection says can be believed. */
  onForeign(command: Command): void
}

// Their answer begins with the key.
const answersWithKey = new Set('blpop brpop bzpopmax bzpopmin blmpop bzmpop lmpop zmpop'.split(' '))

// They tell names of all tenants, kept to one by a pattern only.
const tellNames = new Set(['keys', 'scan', 'pubsub channels', 'pubsub shardchannels'])

/** What is done to a command, found once for each. */
export interface Rule extends Partial<CommandRule> {
  /** In small letters; of a container with its second word. */
  readonly name: string
  /** Where its keys stand, when that is all that there is to know. */
  readonly find?: FindKeys
  readonly read?: ReadReply | undefined
  /** Whether it is looked up among all tenants' names, and kept to one tenant's by a pattern. */
  readonly tellsNames: boolean
  /** Whether a connection may have to wait for its answer; `option` when it says BLOCK. */
  readonly blocks: boolean | 'option'
}

const traitsOf = (name: string) => ({
  name,
  tellsNames: tellNames.has(name),
  blocks: blockingCommands.has(name) && (name.startsWith('xread') ? ('option' as const) : true),
})

const rules: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  ...tableRows.map(([name, spec]): [string, Rule] => {
    return [name, { ...traitsOf(name), find: findKeys(spec), read: answersWithKey.has(name) ? nameFirst : undefined }]
  }),
  ...Object.entries(specialCommands).map(([name, rule]): [string, Rule] => [name, { ...traitsOf(name), ...rule }]),
])

const advice =
  'Use a client of an administrator for the whole server; name commands of modules in the option "commands".'

/** The commands that a tenant may send, those of containers with their second word. */
export const allowedNames: ReadonlySet<string> = new Set(rules.keys())

/** Those of them that its own user may not send, since the server would tell all names. */
export const tellsNames: ReadonlySet<string> = tellNames

/**
 * The rule for a command.
 *
 * @throws {TenancyError} `STATEMENT_REFUSED` for one that is not known to stay within a tenant, and for one that changes a connection
 * which tenants share.
 */
export function ruleOf(command: Command, terms: Terms): Rule {
  const rule = rules.get(command.name) ?? slowRuleOf(command, terms)
  if (rule.needsOwn === true && terms.own === undefined) {
    const instead = 'Use multi(), or a connection of your own: await redis.connection().'
    throw refusal(rule.name, 'it changes a connection that tenants share', instead)
  }
  return rule
}

function slowRuleOf({ name: given, args }: Command, { more }: Terms): Rule {
  const first = given.toLowerCase()
  const name = containers.has(first) && !rules.has(first) ? `${first} ${String(args[0] ?? '').toLowerCase()}` : first
  const rule = rules.get(name)
  if (rule !== undefined) return rule
  const find = more.get(name)
  if (find === undefined) throw refusal(name, 'it is not known to stay within one tenant', advice)
  return { ...traitsOf(name), find }
}

/** Whether the answer to this command may be long in coming. */
export function mayBlock({ blocks }: Rule, { args }: Command): boolean {
  return blocks === 'option' ? args.some(each => String(each).toUpperCase() === 'BLOCK') : blocks
}

/**
 * Puts a command into the key space of a tenant, before it is sent: names get the prefix, the answer loses it.
 *
 * @throws {TenancyError} `STATEMENT_REFUSED` for arguments that cannot be read as the server would.
 */
export function scopeCommand(command: Command, names: Names, terms: Terms, rule = ruleOf(command, terms)): void {
  const args = command.args as Argument[]
  const { name } = rule
  const read = rule.find === undefined ? rewrite(args, names, terms, rule) : prefix(args, names, rule, rule.find)
  if (terms.envelope) wrapValues(name, args, names)
  const open = terms.envelope ? readValue(name, args) : undefined
  if (read === undefined && open === undefined) return
  const { transformReply } = command
  command.transformReply = function (this: Command, reply) {
    try {
      let seen: unknown = transformReply.call(this, reply)
      // Within a transaction the answer comes later, with the others.
      if (this.inTransaction && String(seen) === 'QUEUED') return seen as ReturnType<typeof transformReply>
      if (read !== undefined) seen = read(seen, names, name)
      if (open !== undefined) seen = open(seen, names, name)
      return seen as ReturnType<typeof transformReply>
    } catch (error) {
      terms.onForeign(this)
      throw error
    }
  }
}

function prefix(args: Argument[], names: Names, { name, read }: Rule, find: FindKeys): ReadReply | undefined {
  const positions = find(args)
  if (positions === undefined) throw refusal(name, 'its keys cannot be found', 'Write it as the manual of Redis does.')
  for (let at = 0; at < positions.length; at++) {
    const position = positions[at] as number
    args[position] = names.wrap(args[position] as Argument, name)
  }
  return read
}

function rewrite(args: Argument[], names: Names, terms: Terms, rule: Rule): ReadReply | undefined {
  const context: RuleContext = { ...terms, names, command: rule.name }
  return rule.rewrite?.(args, context)
}
