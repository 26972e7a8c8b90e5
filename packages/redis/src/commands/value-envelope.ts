import type { Argument } from './key-spec.ts'
import type { Names } from './names.ts'
import { refusal } from './refusal.ts'
import type { ReadReply } from './replies.ts'

// Which arguments of commands on strings are values, once keys are where they are: every second one, or the one at this place.
const written: Readonly<Record<string, number | 'every second'>> = {
  ...{ set: 1, setnx: 1, getset: 1, setex: 2, psetex: 2, mset: 'every second', msetnx: 'every second' },
}

// They read or change a part of a value, which has no envelope.
const partial = new Set(
  'append bitcount bitfield bitfield_ro bitop bitpos decr decrby getbit getrange incr incrby incrbyfloat lcs setbit setrange strlen substr'.split(
    ' ',
  ),
)

/**
 * Puts the tenant into the values that a command writes.
 *
 * @throws {TenancyError} `STATEMENT_REFUSED` for a command that works on a part of a value.
 */
export function wrapValues(command: string, args: Argument[], names: Names): void {
  if (partial.has(command)) {
    throw refusal(
      command,
      'it works on a part of a value, and values carry their tenant here',
      'Use an isolation without "envelope" for counters and bits.',
    )
  }
  if (
    (command === 'sort' || command === 'sort_ro') &&
    args.some((each, at) => at > 0 && /^(?:BY|GET)$/.test(String(each)))
  ) {
    throw refusal(command, 'it reads values, which carry their tenant here', 'Read them with get.')
  }
  const place = written[command]
  if (place === undefined) return
  const places = place === 'every second' ? args.map((_, at) => at).filter(at => at % 2 === 1) : [place]
  for (const at of places) {
    const value = args[at]
    if (value !== undefined) args[at] = names.seal(value)
  }
}

const one: ReadReply = (reply, names, command) => (reply === null ? null : names.open(reply, command))
const several: ReadReply = (reply, names, command) =>
  Array.isArray(reply) ? reply.map(each => one(each, names, command)) : reply

/** How the values in the answer to a command are read; `undefined` where there are none. */
export function readValue(command: string, args: readonly Argument[]): ReadReply | undefined {
  if (command === 'mget') return several
  if (['get', 'getex', 'getdel', 'getset'].includes(command)) return one
  // With GET the answer is the value that was there, without it "OK".
  return command === 'set' && args.slice(2).some(each => String(each).toUpperCase() === 'GET') ? one : undefined
}
