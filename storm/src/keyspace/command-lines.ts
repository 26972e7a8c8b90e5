import type { Redis } from 'ioredis'
import type { Random } from '../random.ts'

/** A command of the server's own table, and how its arguments are written. */
export interface CommandForm {
  /** One or two words. */
  readonly words: readonly string[]
  readonly parts: readonly Part[]
}

interface Part {
  readonly type: string
  readonly token: string | undefined
  readonly flags: readonly string[]
  readonly parts: readonly Part[]
}

const pairs = (list: unknown): Record<string, unknown> => {
  const flat = list as unknown[]
  return Object.fromEntries(flat.flatMap((key, at) => (at % 2 === 0 ? [[String(key), flat[at + 1]]] : [])))
}

function partOf(told: unknown): Part {
  const { type, token, flags, arguments: parts } = pairs(told)
  return {
    type: String(type),
    token: token === undefined ? undefined : String(token),
    flags: ((flags ?? []) as unknown[]).map(String),
    parts: ((parts ?? []) as unknown[]).map(partOf),
  }
}

/** Every command and second word that the server knows, by `COMMAND DOCS`. */
export async function commandForms(admin: Redis): Promise<readonly CommandForm[]> {
  const docs = pairs(await admin.call('COMMAND', 'DOCS'))
  const formsOf = (words: readonly string[], told: unknown): readonly CommandForm[] => {
    const { arguments: parts, subcommands } = pairs(told)
    const more = Object.entries(pairs(subcommands ?? [])).flatMap(([name, each]) =>
      formsOf([words[0] as string, name.split('|')[1] as string], each),
    )
    return [{ words, parts: ((parts ?? []) as unknown[]).map(partOf) }, ...more]
  }
  return Object.entries(docs).flatMap(([name, told]) => formsOf([name], told))
}

/** What may stand where a key, a text or a channel stands. */
export interface Vocabulary {
  readonly keys: readonly string[]
  readonly texts: readonly string[]
}

/** One way to write the command: mostly as the manual says, now and then with a word too many or too few. */
export function commandLine({ words, parts }: CommandForm, random: Random, vocabulary: Vocabulary): string[] {
  const write = (part: Part): string[] => {
    if (part.flags.includes('optional') && random.chance(0.6)) return []
    const times = part.flags.includes('multiple') ? 1 + random.int(3) : 1
    const values = Array.from({ length: times }, () => valuesOf(part)).flat()
    return part.token === undefined || part.type === 'pure-token' ? values : [part.token, ...values]
  }
  const valuesOf = (part: Part): string[] => {
    switch (part.type) {
      case 'key':
        return [random.pick(vocabulary.keys)]
      case 'integer':
        return [String(1 + random.int(2))]
      case 'double':
        return ['0.01']
      case 'unix-time':
        return ['4102444800']
      case 'pattern':
        return [random.pick(['*', 'w:*', 't:*', '?', '[a-z]*'])]
      case 'pure-token':
        return [part.token ?? '']
      case 'oneof':
        return write({ ...random.pick(part.parts), flags: [] })
      case 'block':
        return part.parts.flatMap(write)
      default:
        return [random.pick(vocabulary.texts)]
    }
  }
  const line = [...words, ...parts.flatMap(write)]
  if (random.chance(0.1)) line.push(random.pick([...vocabulary.texts, ...vocabulary.keys]))
  if (random.chance(0.05) && line.length > words.length) line.pop()
  return line
}
