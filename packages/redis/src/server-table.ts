import type { Cluster, Redis } from 'ioredis'

interface ServerSpec {
  readonly flags: readonly string[]
  readonly begin: { readonly type: string; readonly index: number }
  readonly find: { readonly type: string; readonly last: number; readonly step: number; readonly limit: number }
}

/** The server's key specifications of a command, in the words of our table; `undefined` for what that has no words for. */
export function specOf(told: readonly ServerSpec[]): string | undefined {
  const parts = told.map(({ flags, begin, find }) => {
    if (begin.type !== 'index' || flags.includes('incomplete') || find.limit > 1) return undefined
    if (find.type === 'keynum') return `${begin.index}#`
    if (find.type !== 'range') return undefined
    const range = find.last === 0 ? '' : `..${find.last}`
    return `${begin.index}${range}${find.step === 1 ? '' : `/${find.step}`}`
  })
  return parts.length === 0 || parts.includes(undefined) ? undefined : parts.join(' ')
}

const pairs = (list: unknown): Record<string, unknown> => {
  const flat = list as unknown[]
  return Object.fromEntries(flat.flatMap((key, at) => (at % 2 === 0 ? [[String(key), flat[at + 1]]] : [])))
}

/** What a server says of a command. */
export interface ServerCommand {
  /** Where its keys stand, in the words of our table; `undefined` for what that has no words for. */
  readonly spec: string | undefined
  /** Whether it can make a connection wait. */
  readonly blocks: boolean
}

/** The server's own table: each command and second word. */
export type ServerTable = ReadonlyMap<string, ServerCommand>

/** Asks the server. */
export async function serverTable(client: Redis | Cluster): Promise<ServerTable> {
  const table = new Map<string, ServerCommand>()
  const read = (rows: readonly (readonly unknown[])[]): void => {
    for (const row of rows) {
      const specs = (row[8] as unknown[]).map(told => {
        const { flags, begin_search, find_keys } = pairs(told)
        const [begin, find] = [pairs(begin_search), pairs(find_keys)]
        const [at, how] = [pairs(begin.spec), pairs(find.spec)]
        return {
          flags: (flags as unknown[]).map(String),
          begin: { type: String(begin.type), index: Number(at.index) },
          find: {
            type: String(find.type),
            last: Number(how.lastkey),
            step: Number(how.keystep),
            limit: Number(how.limit ?? 0),
          },
        }
      })
      const blocks = (row[2] as unknown[]).map(String).includes('blocking')
      table.set(String(row[0]).replace('|', ' '), { spec: specOf(specs), blocks })
      read(row[9] as (readonly unknown[])[])
    }
  }
  read((await client.call('COMMAND')) as (readonly unknown[])[])
  return table
}
