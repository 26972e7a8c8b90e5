import { setTimeout as sleep } from 'node:timers/promises'
import type { MemoryRegistry, Tenant } from '@tenantry/core'
import type { PgDatabase } from '@tenantry/pg-database'
import type { Estate } from '../isolations/database/estate.ts'
import type { KnownLeases } from './known-leases.ts'
import { pick } from './load.ts'
import type { Outages } from './outages.ts'
import { suspend } from './suspension.ts'

/** Who plays, and on what stage. */
export interface DramaTerms {
  readonly minutes: number
  readonly estate: Estate
  readonly isolation: PgDatabase
  readonly registry: MemoryRegistry
  /** Whoever may be served now, by id. */
  readonly active: Map<string, Tenant>
  /** By id: until when, on the clock of `performance.now()`, requests may be told that the tenant is suspended. */
  readonly resting: Map<string, number>
  readonly known: KnownLeases
  readonly outages: Outages
  /** Receives how long each stolen login lived on. */
  readonly suspensions: number[]
  complain(problem: string): void
  onScene(scene: string): void
}

/** Milliseconds in the beginning in which nothing happens. */
const quiet = 8_000

/** One scene after another until the time is over: suspensions, and outages of every length. */
export async function drama(terms: DramaTerms): Promise<void> {
  const { minutes, outages, onScene } = terms
  const curtain = performance.now() + minutes * 60_000
  // Below a third of a lease's life, with what starting and answering takes; and well above a whole one.
  const short = () => outages.make(200 + Math.random() * 900, 'now')
  const scenes: readonly (readonly [string, () => Promise<void>])[] = [
    ['a tenant is suspended', () => aSuspension(terms)],
    ['the broker is away for a moment', short],
    ['a tenant is suspended', () => aSuspension(terms)],
    ['the broker is killed while it is issuing', () => outages.make(200 + Math.random() * 900, 'issuing')],
    ['the broker is away for longer than a lease lives', () => outages.make(6_000 + Math.random() * 3_000, 'issuing')],
  ]
  await sleepWith('nothing else happens', quiet, terms)
  for (let at = 0; performance.now() < curtain - 3_000; at++) {
    const [name, play] = scenes[at % scenes.length] ?? ['', async () => undefined]
    onScene(name)
    await play()
    await sleepWith('nothing else happens', 1_500 + Math.random() * 2_000, terms)
  }
  await sleep(Math.max(0, curtain - performance.now()))
}

async function sleepWith(scene: string, milliseconds: number, { onScene }: DramaTerms): Promise<void> {
  onScene(scene)
  await sleep(milliseconds)
}

async function aSuspension(terms: DramaTerms): Promise<void> {
  const { active, resting, registry, known, suspensions } = terms
  const tenant = pick([...active.values()])
  const stolen = await Promise.race([known.watch(tenant), sleep(10_000)])
  if (stolen === undefined) return
  active.delete(tenant.id)
  resting.set(tenant.id, Infinity)
  registry.update(tenant.id, { status: 'suspended' })
  suspensions.push(await suspend({ ...terms, tenant, stolen }))
  await sleep(500 + Math.random() * 1_000)
  resting.set(tenant.id, performance.now())
  active.set(tenant.id, registry.update(tenant.id, { status: 'active' }))
}
