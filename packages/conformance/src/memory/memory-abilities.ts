import type { Isolation } from '@tenantry/core'
import type { Manifest } from '../abilities.ts'
import { failureOf } from '../failure-of.ts'
import type { Note, Row } from '../subject.ts'
import type { MemoryHandle, MemoryQuery } from './memory-isolation.ts'
import type { Connection } from './memory-server.ts'
import type { Kept } from './statement.ts'

const notesOf = (rows: readonly Row[]): Note[] => rows.map(({ id, text }) => ({ id, text }))

const fault = (
  handle: MemoryHandle,
  note: Note,
  cause: (query: MemoryQuery, connection: Connection) => Promise<unknown>,
): Promise<Error> =>
  failureOf(
    handle.transaction(async (query, connection) => {
      await query({ do: 'insert', ...note })
      await cause(query, connection)
    }),
  )

function keeps(what: Kept) {
  return ({ query, transaction }: MemoryHandle) => [
    () => query({ do: 'keep', what }),
    () => transaction(inside => inside({ do: 'keep', what })),
  ]
}

/** What the memory server can do beyond the verbs: everything. */
export function memoryAbilities(second: () => Isolation<MemoryHandle>): Manifest<MemoryHandle> {
  return {
    upsert: async ({ query }, note) => void (await query({ do: 'upsert', ...note })),
    returning: async ({ query }, note) => notesOf((await query({ do: 'returning', ...note })).rows),
    cte: async ({ query }) => notesOf((await query({ do: 'sweep' })).rows),
    async join({ query }) {
      const { rows } = await query({ do: 'join' })
      return rows.flatMap((row, at) => (at % 2 === 0 ? [[row.id, rows[at + 1]?.id ?? ''] as const] : []))
    },
    async aggregate({ query }) {
      const { rows } = await query({ do: 'group' })
      return new Map(rows.map(({ text }) => [text, rows.filter(row => row.text === text).length]))
    },
    prepared: async ({ query }) => notesOf((await query({ do: 'prepared' })).rows),
    cursor: ({ transaction }, between) =>
      transaction(async query => {
        const notes: Note[] = []
        for (;;) {
          await between()
          const { rows } = await query({ do: 'fetch', at: notes.length })
          if (rows.length === 0) return notes
          notes.push(...notesOf(rows))
        }
      }),
    bulk: async ({ query }, notes) => void (await query({ do: 'bulk', notes })),
    copy: async ({ query }) => notesOf((await query({ do: 'copy' })).rows),
    callback: ({ call }, done) =>
      call({ do: 'list' }, (error, result) => done(error, result === undefined ? undefined : notesOf(result.rows))),

    rollback: ({ transaction }, note) =>
      transaction(async query => {
        await query({ do: 'insert', ...note })
        await query({ do: 'rollback' })
      }),
    savepoint: ({ transaction }, kept, undone) =>
      transaction(async query => {
        await query({ do: 'insert', ...kept })
        await query({ do: 'savepoint' })
        await query({ do: 'insert', ...undone })
        await query({ do: 'undo' })
        return notesOf((await query({ do: 'list' })).rows)
      }),
    limit: (handle, note) => fault(handle, note, query => query({ do: 'sleep', ms: 200, limit: 1 })),
    cancel: (handle, note) =>
      fault(handle, note, (query, { cancel }) => {
        setTimeout(cancel, 10)
        return query({ do: 'sleep', ms: 200 })
      }),
    kill: (handle, note) =>
      fault(handle, note, (query, { kill }) => {
        kill()
        return query({ do: 'list' })
      }),

    temporary: keeps('temporary object'),
    heldCursor: keeps('held cursor'),
    setting: keeps('changed setting'),
    lock: keeps('lock'),
    second: async () => second(),
  }
}
