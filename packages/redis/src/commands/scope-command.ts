import type { Command } from 'ioredis'
import type { CommandRule, RuleContext } from './command-rule.ts'
import { commandTable, containers } from './command-table.ts'
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

const rules: ReadonlyMap<string, CommandRule> = new Map([
  ...Object.entries(commandTable).flatMap(([spec, names]) => {
    const find = findKeys(spec)
    return names
      .split(names.includes('|') ? '|' : ' ')
      .map(name => [name, keyed(find, answersWithKey.has(name) ? nameFirst : undefined)] as const)
  }),
  ...Object.entries(specialCommands),
])

function keyed(find: FindKeys, read?: ReadReply): CommandRule {
  return {
    rewrite(args, { names, command }) {
      const positions = find(args)
      if (positions === undefined)
        throw refusal(command, 'its keys cannot be found', 'Write it as the manual of Redis does.')
      for (const at of positions) args[at] = names.wrap(args[at] as Argument, command)
      return read
    },
  }
}

const advice =
  'Use a client of an administrator for the whole server; name commands of modules in the option "commands".'

/** The commands that a tenant may send, those of containers with their second word. */
export const allowedNames: ReadonlySet<string> = new Set(rules.keys())

/**
 * Puts a command into the key space of a tenant, before it is sent: names get the prefix, the answer loses it. What is not known to be
 * safe is refused (threats C1).
 *
 * @throws {TenancyError} `STATEMENT_REFUSED`
 */
export function scopeCommand(command: Command, names: Names, terms: Terms): void {
  const args = command.args as Argument[]
  const first = command.name.toLowerCase()
  const name = containers.has(first) && !rules.has(first) ? `${first} ${String(args[0] ?? '').toLowerCase()}` : first
  const rule = rules.get(name) ?? moreRule(name, terms)
  if (rule === undefined) throw refusal(name, 'it is not known to stay within one tenant', advice)
  if (rule.needsOwn === true && terms.own === undefined) {
    throw refusal(
      name,
      'it changes a connection that tenants share',
      'Use multi(), or a connection of your own: await redis.connection().',
    )
  }
  const context: RuleContext = { ...terms, names, command: name }
  const read = rule.rewrite(args, context)
  if (terms.envelope) wrapValues(name, args, names)
  const readers = [read, terms.envelope ? readValue(name, args) : undefined].filter(each => each !== undefined)
  if (readers.length === 0) return
  const { transformReply } = command
  command.transformReply = function (this: Command, reply) {
    try {
      let seen: unknown = transformReply.call(this, reply)
      // Within a transaction the answer comes later, with the others.
      if (this.inTransaction && String(seen) === 'QUEUED') return seen as ReturnType<typeof transformReply>
      for (const each of readers) seen = each(seen, names, name)
      return seen as ReturnType<typeof transformReply>
    } catch (error) {
      terms.onForeign(this)
      throw error
    }
  }
}

function moreRule(name: string, { more }: Terms): CommandRule | undefined {
  const find = more.get(name)
  return find && keyed(find)
}
