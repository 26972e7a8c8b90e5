import type { CommandRule, RuleContext } from './command-rule.ts'
import { type Argument, findKeys } from './key-spec.ts'
import { refusal } from './refusal.ts'
import { cursorAndNames, listOfNames, listOfPairs, namesInTurn, ownInfo } from './replies.ts'

// Commands of which the server's table does not say where their keys stand, or says it for honest arguments only: `XREADGROUP COUNT 1
// GROUP STREAMS c STREAMS k >` has its key elsewhere than by the table. Each is read word by word, as the server does.

const asItIs: CommandRule['rewrite'] = () => undefined
const word = (args: readonly Argument[], at: number): string => String(args[at] ?? '').toUpperCase()

function bad({ command }: RuleContext, what: string): Error {
  return refusal(command, what, 'Write it as the manual of Redis does.')
}

function noOption(context: RuleContext, at: number): Error {
  return bad(context, `argument ${at + 1} is none of its options`)
}

function wrapAt(args: Argument[], at: number, { names, command }: RuleContext): void {
  const name = args[at]
  if (name === undefined) throw refusal(command, 'a key is missing', 'Write it as the manual of Redis does.')
  args[at] = names.wrap(name, command)
}

function wrapAll(args: Argument[], context: RuleContext): undefined {
  for (let at = 0; at < args.length; at++) wrapAt(args, at, context)
}

function scan(args: Argument[], context: RuleContext) {
  let isBound = false
  for (let at = 1; at < args.length; at += 2) {
    const option = word(args, at)
    if (!['MATCH', 'COUNT', 'TYPE'].includes(option) || at + 1 >= args.length) throw noOption(context, at)
    args[at] = option
    if (option !== 'MATCH') continue
    wrapAt(args, at + 1, context)
    isBound = true
  }
  if (!isBound) args.push('MATCH', context.names.all)
  return cursorAndNames
}

function sort(args: Argument[], context: RuleContext): undefined {
  wrapAt(args, 0, context)
  for (let at = 1; at < args.length; at++) {
    const option = word(args, at)
    args[at] = option
    if (['ASC', 'DESC', 'ALPHA'].includes(option)) continue
    if (option === 'LIMIT') at += 2
    else if (option === 'STORE' && context.command === 'sort') wrapAt(args, ++at, context)
    // C7: patterns are keys as well; "#" stands for the element itself.
    else if (option === 'GET' && String(args[at + 1]) === '#') at += 1
    else if (option === 'BY' || option === 'GET') wrapAt(args, ++at, context)
    else throw noOption(context, at)
  }
}

function readStreams(args: Argument[], context: RuleContext) {
  for (let at = 0; at < args.length; at++) {
    const option = word(args, at)
    args[at] = option
    if (option === 'STREAMS') {
      const count = (args.length - at - 1) / 2
      if (count < 1 || !Number.isInteger(count)) throw bad(context, 'it needs an id for each stream')
      for (let stream = 1; stream <= count; stream++) wrapAt(args, at + stream, context)
      return listOfPairs
    }
    if (option === 'COUNT' || option === 'BLOCK') at += 1
    else if (option === 'GROUP' && context.command === 'xreadgroup') at += 2
    else if (option !== 'NOACK' || context.command !== 'xreadgroup') throw noOption(context, at)
  }
  throw bad(context, 'it names no stream')
}

function radius(args: Argument[], context: RuleContext): undefined {
  wrapAt(args, 0, context)
  if (!args.slice(1).some((_, at) => /^STORE(?:DIST)?$/.test(word(args, at + 1)))) return
  throw refusal(context.command, 'it stores its result', 'Use geosearchstore.')
}

const scriptKeys = findKeys('2#')

function wrapScriptKeys(args: Argument[], context: RuleContext): undefined {
  const keys = scriptKeys(args)
  if (keys === undefined) throw bad(context, 'it does not say how many keys it has')
  // Nobody needs a script without keys but to reach those that it does not declare; and on a cluster it would go anywhere (C3).
  if (keys.length === 0)
    throw refusal(context.command, 'it declares no keys', 'Pass the keys that it uses, and read them from KEYS.')
  args[1] = String(keys.length)
  for (const at of keys) wrapAt(args, at, context)
}

function evaluate(args: Argument[], context: RuleContext): undefined {
  const lua = String(args[0] ?? '')
  context.checkScript(lua)
  args[0] = lua
  return wrapScriptKeys(args, context)
}

function evaluateKnown(args: Argument[], context: RuleContext): undefined {
  const sha = String(args[0] ?? '').toLowerCase()
  if (!context.isChecked(sha)) {
    throw refusal(
      context.command,
      'it is the digest of a script that nobody has checked',
      'Use eval once, or script("load", lua).',
    )
  }
  args[0] = sha
  return wrapScriptKeys(args, context)
}

function call(args: Argument[], context: RuleContext): undefined {
  const name = String(args[0] ?? '')
  if (!context.functions.has(name)) {
    const advice = 'Name it in the option "functions" if it uses no keys but those it is given.'
    throw refusal(context.command, 'the function is not one that the application vouches for', advice)
  }
  args[0] = name
  return wrapScriptKeys(args, context)
}

function client(args: Argument[], { command }: RuleContext): undefined {
  args[0] = word(args, 0)
  if (['SETNAME', 'GETNAME', 'ID', 'SETINFO', 'INFO'].includes(args[0])) return
  throw refusal(command, 'it shows or changes connections of others', 'Use a client of an administrator.')
}

/** The login of a connection is not changed, but told again after every reconnection. */
function sameLogin(args: Argument[], { command, own }: RuleContext): undefined {
  const told = args.map(String)
  // The last one would count, and the first be looked at.
  if (command === 'hello' && told.filter(each => each.toUpperCase() === 'AUTH').length > 1)
    throw refusal(command, 'it gives a login twice', 'Give the login with the options of the client.')
  const at = command === 'hello' ? told.findIndex(each => each.toUpperCase() === 'AUTH') + 1 : 0
  const login = command === 'hello' && at === 0 ? [] : told.slice(at, command === 'hello' ? at + 2 : undefined)
  const [password = own?.password, username = own?.username ?? 'default'] = login.reverse()
  if (password === own?.password && username === (own?.username ?? 'default')) return
  throw refusal(command, 'it changes the login of the connection', 'Give the login with the options of the client.')
}

const own = (rewrite: CommandRule['rewrite']): CommandRule => ({ rewrite, needsOwn: true })

/** The rules of these commands, by their names in small letters. */
export const specialCommands: Readonly<Record<string, CommandRule>> = {
  keys: {
    rewrite(args, context) {
      if (args.length !== 1) throw bad(context, 'it needs one pattern')
      wrapAt(args, 0, context)
      return listOfNames
    },
  },
  scan: { rewrite: scan },
  sort: { rewrite: sort },
  sort_ro: { rewrite: sort },
  georadius: { rewrite: radius },
  georadiusbymember: { rewrite: radius },
  copy: {
    rewrite(args, context) {
      wrapAt(args, 0, context)
      wrapAt(args, 1, context)
      if (args.length > 3 || (args.length === 3 && word(args, 2) !== 'REPLACE'))
        throw refusal(context.command, 'it names another database', 'Copy within the database of the tenant.')
      return undefined
    },
  },
  xread: { rewrite: readStreams },
  xreadgroup: { rewrite: readStreams },
  eval: { rewrite: evaluate },
  eval_ro: { rewrite: evaluate },
  evalsha: { rewrite: evaluateKnown },
  evalsha_ro: { rewrite: evaluateKnown },
  fcall: { rewrite: call },
  fcall_ro: { rewrite: call },
  'script load': {
    rewrite(args, context) {
      args[1] = String(args[1] ?? '')
      context.checkScript(args[1])
      return undefined
    },
  },
  'script exists': { rewrite: asItIs },
  publish: { rewrite: (args, context) => void wrapAt(args, 0, context) },
  spublish: { rewrite: (args, context) => void wrapAt(args, 0, context) },
  'pubsub channels': { rewrite: channels },
  'pubsub shardchannels': { rewrite: channels },
  'pubsub numsub': { rewrite: numbers },
  'pubsub shardnumsub': { rewrite: numbers },
  'cluster keyslot': { rewrite: (args, context) => void wrapAt(args, 1, context) },
  ...Object.fromEntries(['ping', 'echo', 'time'].map(name => [name, { rewrite: asItIs }])),
  ...Object.fromEntries(['multi', 'exec', 'discard', 'unwatch', 'quit', 'wait'].map(name => [name, own(asItIs)])),
  ...Object.fromEntries(
    ['watch', 'subscribe', 'psubscribe', 'ssubscribe', 'unsubscribe', 'punsubscribe', 'sunsubscribe'].map(name => [
      name,
      own(wrapAll),
    ]),
  ),
  select: own((args, { command, own: connection }) => {
    if (args.length === 1 && String(args[0]) === String(connection?.db)) return undefined
    throw refusal(
      command,
      'it changes the database of the connection',
      'The database is given by the placement of the tenant.',
    )
  }),
  client: own(client),
  auth: own(sameLogin),
  hello: own(sameLogin),
  // Some libraries ask for the version; sections would be an error before Redis 7.
  info: own(args => {
    args.length = 0
    return ownInfo
  }),
}

function channels(args: Argument[], context: RuleContext) {
  if (args.length > 2) throw bad(context, 'it has one pattern')
  if (args.length === 1) args.push(context.names.all)
  else wrapAt(args, 1, context)
  return listOfNames
}

function numbers(args: Argument[], context: RuleContext) {
  for (let at = 1; at < args.length; at++) wrapAt(args, at, context)
  return namesInTurn
}
