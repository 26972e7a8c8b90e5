/** An argument of a command, as it goes to the server. */
export type Argument = string | Buffer

/**
 * Where the keys of a command stand, in the words of the server's own table (`COMMAND INFO`, key specifications). Positions count from
 * 1, the command itself being 0: `1` one key; `1..-1` to the end; `1..-2` to the one before the end; `1..-1/2` every second; `1..1` two
 * of them; `1#` a number, then so many keys.
 */
export type KeySpec = string

/** Reads the positions, in the arguments, of all keys; `undefined` for arguments that have no such form. */
export type FindKeys = (args: readonly Argument[]) => readonly number[] | undefined

const form = /^(\d+)(?:(#)|\.\.(-?\d+)(?:\/(\d+))?)?$/

/** @throws Error for a specification of another form: a mistake in the table. */
export function findKeys(specs: string): FindKeys {
  const finders = specs.split(' ').map(finder)
  const [only] = finders
  if (only !== undefined && finders.length === 1) return only
  return args => {
    const all: number[] = []
    for (const find of finders) {
      const found = find(args)
      if (found === undefined) return undefined
      all.push(...found)
    }
    return all
  }
}

function finder(spec: string): FindKeys {
  const [, index, number, last, step] = form.exec(spec) ?? []
  if (index === undefined) throw new Error(`"${spec}" says nothing of keys.`)
  const first = Number(index) - 1
  if (number !== undefined) return args => counted(args, first)
  // From the end, or from the first key, as the server counts.
  const to = Number(last)
  const by = Number(step ?? 1)
  // By far the most: one list for all of them.
  const single: readonly number[] = [first]
  if (last === undefined) return args => (first < args.length ? single : undefined)
  return args => {
    const end = to < 0 ? args.length + to : first + to
    if (first >= args.length || end < first) return undefined
    const found: number[] = []
    for (let at = first; at <= end; at += by) found.push(at)
    return found
  }
}

function counted(args: readonly Argument[], at: number): readonly number[] | undefined {
  // The server reads nothing else as a number either; what it cannot read is not for us to guess.
  const text = String(args[at])
  if (!/^(?:0|[1-9]\d{0,8})$/.test(text)) return undefined
  const count = Number(text)
  if (at + count >= args.length && count > 0) return undefined
  return Array.from({ length: count }, (_, index) => at + 1 + index)
}
