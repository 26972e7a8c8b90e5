import { type Erasure, type Isolation, memoryRegistry, type Tenant } from '@tenantry/core'
import type { TenantPool } from '@tenantry/pg'
import type pg from 'pg'
import type { Stores } from './stores.ts'

/** A tenant whose store comes and goes while the storm rages. */
export interface Nomad {
  readonly tenant: Tenant
  /** `missing`: of its schema and role one at least. */
  state: 'there' | 'missing' | 'changing'
  /** Goes up with every change, at its beginning and at its end. */
  epoch: number
  /** What there is of its store, unless it is changing. */
  schema: boolean
  role: boolean
  /** What is in its schema: versions by id. */
  rows: ReadonlyMap<number, number>
}

/** Where nomads move. */
export interface Territory {
  readonly nomads: readonly Nomad[]
  readonly admin: pg.Pool
  readonly stores: Stores
  readonly isolation: Isolation<TenantPool>
}

/** How a store is lost: on purpose, or by the hand of an administrator. */
export type Loss = 'deprovisioned' | 'without a schema' | 'without a role'

/** Nomads without rows, to be provisioned. */
export function createNomads(): readonly Nomad[] {
  const registry = memoryRegistry()
  return Array.from({ length: 12 }, (_, at) => ({
    tenant: registry.add({ id: `nomad_${at}`, slug: `nomad-${at}`, name: `Nomad ${at}` }),
    ...{ state: 'there', epoch: 0, schema: true, role: true, rows: new Map() },
  }))
}

/** Begins a change; nothing is known of the nomad until it is settled. */
export function unsettle(nomad: Nomad): void {
  nomad.epoch += 1
  nomad.state = 'changing'
}

/** Ends a change. */
export function settle(nomad: Nomad, now: Partial<Pick<Nomad, 'schema' | 'role' | 'rows'>>): void {
  Object.assign(nomad, now)
  if (!nomad.schema) nomad.rows = new Map()
  nomad.epoch += 1
  nomad.state = nomad.schema && nomad.role ? 'there' : 'missing'
}

/** What is left of a store after a loss. */
export const leftBy: Readonly<Record<Loss, Partial<Pick<Nomad, 'schema' | 'role'>>>> = {
  deprovisioned: { schema: false, role: false },
  'without a schema': { schema: false },
  'without a role': { role: false },
}

/** Takes a store away, or what there is of it. */
export async function lose(
  { tenant }: Nomad,
  loss: Loss,
  terms: Omit<Territory, 'nomads'>,
): Promise<Erasure | undefined> {
  if (loss === 'deprovisioned') return terms.isolation.deprovision(tenant)
  const { schema, role } = terms.stores.of(tenant)
  const text = loss === 'without a role' ? `drop owned by ${role}; drop role ${role}` : `drop schema ${schema} cascade`
  await terms.admin.query(text)
  return undefined
}

/** Lets most of them lose their stores. */
export async function scatter({ nomads, ...terms }: Territory): Promise<void> {
  const losses: readonly (Loss | undefined)[] = ['deprovisioned', 'without a schema', 'without a role', undefined]
  for (const [at, nomad] of nomads.entries()) {
    const loss = losses[at % losses.length]
    if (loss === undefined) continue
    unsettle(nomad)
    await lose(nomad, loss, terms)
    settle(nomad, leftBy[loss])
  }
}
