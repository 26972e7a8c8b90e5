import { type Isolation, TenancyError, type Tenant } from '@tenantry/core'
import type { Objects } from '../objects.ts'
import type { Note, Row } from '../subject.ts'

/** What stands under one name: who made it, and its notes once that step is done. */
export interface Space {
  readonly maker: string
  notes: Map<string, Note> | undefined
}

/** The rules of the isolation, of which a canary replaces one. */
export interface SpaceParts {
  /** Whether to go on with what stands under the tenant's name already. */
  adopts(space: Space, maker: string): boolean
  /** Whether the steps after the first are done where the first was done before. */
  readonly resumes: boolean
  /** Whether to remove what stands under the tenant's name. */
  removes(space: Space, maker: string): boolean
  /** Removes it, and says how many notes went with it. */
  remove(spaces: Map<string, Space>, name: string): number
}

/** Each rule as it must be. */
export const safeSpaceParts: SpaceParts = {
  adopts: ({ maker }, own) => maker === own,
  resumes: true,
  removes: ({ maker }, own) => maker === own,
  remove(spaces, name) {
    const count = spaces.get(name)?.notes?.size ?? 0
    spaces.delete(name)
    return count
  },
}

/** What a handle uses: the notes of its tenant. */
export type SpaceHandle = () => Map<string, Note>

/** The isolation, and the views of it that a subject needs. */
export interface Spaces {
  readonly isolation: Isolation<SpaceHandle>
  readonly objects: Objects
  statements(): number
  everything(): readonly Row[]
}

/** The reference of an isolation that makes objects: a named space for each tenant, with the mark of who made it. */
export function spaceIsolation(broken: Partial<SpaceParts> = {}): Spaces {
  const parts: SpaceParts = { ...safeSpaceParts, ...broken }
  const spaces = new Map<string, Space>()
  const maker = 'tenantry'
  let statements = 0
  const nameOf = ({ id }: Tenant): string => `space_${id}`

  // Each step can be the last one that was done when the process dies, and may be done again.
  function steps(tenant: Tenant): readonly (() => void)[] {
    const name = nameOf(tenant)
    const there = spaces.get(name)
    if (there !== undefined && !parts.adopts(there, maker)) {
      throw new TenancyError('TENANT_EXISTS', { field: 'id', value: tenant.id })
    }
    if (there !== undefined && !parts.resumes) return []
    return [
      () => void spaces.set(name, spaces.get(name) ?? { maker, notes: undefined }),
      () => {
        const space = spaces.get(name)
        if (space !== undefined) space.notes ??= new Map()
      },
    ]
  }

  const isolation: Spaces['isolation'] = {
    name: 'spaces',
    claims: { sharedStore: false, enforced: false, pooled: false, transactions: false, objects: true },
    handle: source => () => {
      const notes = spaces.get(nameOf(source()))?.notes
      if (notes === undefined) throw new TenancyError('SCOPE_CLOSED', { what: 'A space' })
      statements += 1
      return notes
    },
    ready: async () => undefined,
    async provision(tenant) {
      for (const step of steps(tenant)) step()
    },
    async deprovision(tenant) {
      const [name, space] = [nameOf(tenant), spaces.get(nameOf(tenant))]
      if (space === undefined || !parts.removes(space, maker)) return { tenant: tenant.id, erased: [] }
      return { tenant: tenant.id, erased: [{ kind: 'space', name, count: parts.remove(spaces, name) }] }
    },
    verify: async () => [],
    health: async () => ({ ok: true, latency: 0 }),
    close: async () => undefined,
  }

  return {
    isolation,
    objects: {
      async interrupt(tenant, last) {
        const all = steps(tenant)
        for (const step of all.slice(0, last)) step()
        return last < all.length
      },
      plant: async tenant =>
        void spaces.set(nameOf(tenant), { maker: 'somebody', notes: new Map([['x', { id: 'x', text: 'theirs' }]]) }),
      async left(tenant) {
        const space = spaces.get(nameOf(tenant))
        return space === undefined ? [] : [nameOf(tenant), ...[...(space.notes ?? [])].map(([id]) => id)].sort()
      },
    },
    statements: () => statements,
    everything: () =>
      [...spaces].flatMap(([name, { notes }]) =>
        [...(notes?.values() ?? [])].map(note => ({ tenant: name.slice('space_'.length), ...note })),
      ),
  }
}
