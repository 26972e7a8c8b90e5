import { failureOf } from '../failure-of.ts'
import type { Note, Notes, Subject } from '../subject.ts'
import { memoryAbilities } from './memory-abilities.ts'
import { type MemoryHandle, type MemoryQuery, memoryIsolation } from './memory-isolation.ts'
import type { MemoryParts } from './memory-parts.ts'
import { memoryServer } from './memory-server.ts'
import type { Policy } from './policy.ts'
import { isStoreError } from './statement.ts'

function notesOf(query: MemoryQuery): Notes {
  return {
    put: async note => void (await query({ do: 'insert', ...note })),
    get: async id => (await query({ do: 'get', id })).rows.map(noteOf)[0],
    list: async () => (await query({ do: 'list' })).rows.map(noteOf),
    count: async () => (await query({ do: 'count' })).count,
    update: async note => (await query({ do: 'update', ...note })).count,
    remove: async id => (await query({ do: 'delete', id })).count,
    putAs: async (tenant, note) => void (await query({ do: 'insert', ...note, tenant })),
    move: async (id, tenant) => (await query({ do: 'update', id, tenant })).count,
  }
}

function noteOf({ id, text }: Note): Note {
  return { id, text }
}

/** The reference isolation as a subject: the worked example of one. `broken` replaces rules, for canaries. */
export async function memorySubject(broken: Partial<Policy & MemoryParts> = {}): Promise<Subject<MemoryHandle>> {
  const server = memoryServer(broken)
  const isolation = memoryIsolation({ server, parts: broken })
  const faulty = (handle: MemoryHandle, note: Note, fault: (query: MemoryQuery) => Promise<unknown>): Promise<Error> =>
    failureOf(
      handle.transaction(query =>
        notesOf(query)
          .put(note)
          .then(() => fault(query)),
      ),
    )

  return {
    isolation,
    server: 'memory',
    notes: handle => notesOf(handle.query),
    unit: (handle, work) => handle.transaction(query => work(notesOf(query))),
    refused: error => isStoreError(error, '42501'),
    outside: {
      statements: async () => server.statements(),
      everything: async () => server.everything(),
      unscoped: async () => notesOf(statement => server.connect().send(statement)).list(),
      residue: async () => server.residue(),
    },
    more: memoryAbilities(() => memoryIsolation({ server, parts: broken })),
    faults: {
      timeout: (handle, note) => faulty(handle, note, query => query({ do: 'sleep', ms: 20 }, 1)),
      disconnect: (handle, note) => faulty(handle, note, query => query({ do: 'cut' })),
    },
    close: isolation.close,
  }
}
