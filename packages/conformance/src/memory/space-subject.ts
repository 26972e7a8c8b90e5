import type { Subject } from '../subject.ts'
import { type SpaceHandle, type SpaceParts, spaceIsolation } from './space-isolation.ts'

/** The reference of an isolation that makes objects for each tenant, as a subject. `broken` replaces rules, for canaries. */
export async function spaceSubject(broken: Partial<SpaceParts> = {}): Promise<Subject<SpaceHandle>> {
  const { isolation, objects, statements, everything } = spaceIsolation(broken)
  return {
    isolation,
    notes: open => ({
      put: async note => void open().set(note.id, note),
      get: async id => open().get(id),
      list: async () => [...open().values()],
      count: async () => open().size,
      update: async note => (open().has(note.id) && open().set(note.id, note) ? 1 : 0),
      remove: async id => (open().delete(id) ? 1 : 0),
    }),
    outside: { statements: async () => statements(), everything: async () => everything() },
    objects,
    close: isolation.close,
  }
}
