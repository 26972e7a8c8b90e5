import type { Names } from './names.ts'

/** Makes of the server's answer what the tenant may see. */
export type ReadReply = (reply: unknown, names: Names, command: string) => unknown

/** A list of names. */
export const listOfNames: ReadReply = (reply, names, command) =>
  Array.isArray(reply) ? reply.map(name => names.unwrap(name, command)) : reply

/** A name, then what belongs to it; nothing when time was over. */
export const nameFirst: ReadReply = (reply, names, command) =>
  Array.isArray(reply) && reply.length > 0 ? [names.unwrap(reply[0], command), ...reply.slice(1)] : reply

/** A list of such pairs; or the same in turn, as RESP3 has it when the command was called by its name in capitals. */
export const listOfPairs: ReadReply = (reply, names, command) => {
  if (!Array.isArray(reply)) return reply
  if (!Array.isArray(reply[0])) return namesInTurn(reply, names, command)
  return reply.map(pair => nameFirst(pair, names, command))
}

/** Names and what belongs to them in turn. */
export const namesInTurn: ReadReply = (reply, names, command) =>
  Array.isArray(reply) ? reply.map((each, at) => (at % 2 === 0 ? names.unwrap(each, command) : each)) : reply

/** A cursor and a list of names. */
export const cursorAndNames: ReadReply = (reply, names, command) =>
  Array.isArray(reply) ? [reply[0], listOfNames(reply[1], names, command)] : reply

const told = new Set(['server', 'memory', 'persistence'])

/** Of `INFO`, what says nothing of tenants. */
export const ownInfo: ReadReply = reply =>
  String(reply)
    .split(/^(?=# )/m)
    .filter(section => told.has(/^# (\w+)/.exec(section)?.[1]?.toLowerCase() ?? ''))
    .join('')
