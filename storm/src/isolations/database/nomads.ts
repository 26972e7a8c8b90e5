import { type MemoryRegistry, memoryRegistry, type Tenant } from '@tenantry/core'
import type { PgDatabase } from '@tenantry/pg-database'
import type { Estate } from './estate.ts'
import { ownerOf, serverNames } from './names.ts'

/** A tenant that comes and goes, is suspended and moves, while it is in use. */
export interface Nomad {
  readonly registry: MemoryRegistry
  /** As it was when it was served last. */
  tenant: Tenant
  state: 'there' | 'suspended' | 'gone' | 'changing'
  /** Goes up with every change, at its beginning and at its end. */
  epoch: number
  /** What is in its database: versions by id. */
  rows: ReadonlyMap<number, number>
  /** A snapshot from before it was suspended, which somebody still has. Never served again. */
  stale: Tenant | undefined
}

/** Where nomads move. */
export interface Territory {
  readonly nomads: readonly Nomad[]
  readonly estate: Estate
  readonly isolation: PgDatabase
}

/** Nomads without rows, to be provisioned. */
export function createNomads(): readonly Nomad[] {
  return Array.from({ length: 12 }, (_, at) => {
    const registry = memoryRegistry()
    const id = `nomad_${at}`
    const placement = { server: serverNames[at % 2] ?? '', database: ownerOf({ id }), epoch: '1' }
    const tenant = registry.add({
      id,
      slug: `nomad-${at}`,
      name: `Nomad ${at}`,
      placement,
    })
    return { registry, tenant, state: 'there', epoch: 0, rows: new Map(), stale: undefined }
  })
}

/** Begins a change; nothing is known of the nomad until it is settled. */
export function unsettle(nomad: Nomad): void {
  nomad.epoch += 1
  nomad.state = 'changing'
}

/** Ends a change. */
export function settle(nomad: Nomad, now: Partial<Nomad> & Pick<Nomad, 'state'>): void {
  Object.assign(nomad, now)
  if (nomad.state === 'gone') nomad.rows = new Map()
  nomad.epoch += 1
}
