import type { Claims } from '@tenantry/core'
import type { Ability } from './abilities.ts'
import type { Bench } from './bench.ts'

/** The claim of an isolation that a law proves, or `always` for what every isolation owes. */
export type LawClaim = keyof Claims | 'always'

/** A law of isolation, as data. */
export interface Law {
  /** Unique and stable: canaries, reports and test names refer to it. */
  readonly name: string
  readonly claim: LawClaim
  /** What the store must be able to do, beyond the verbs. */
  readonly ability?: Ability
  /** The optional member of `Isolation` that it is about. */
  readonly member?: 'suspend' | 'inventory'
  /** Rejects when the law is broken. Asserts exact codes and values, never "some error". */
  run(bench: Bench): Promise<void>
}

/**
 * Writes a law down.
 *
 * @example
 * law('listing never crosses tenants', 'always', async ({ a, b, note }) => {
 *   await a.put(note())
 *   assert.deepEqual(await b.list(), [])
 * })
 */
export function law(name: string, claim: LawClaim, run: (bench: Bench) => Promise<void>): Law {
  return { name, claim, run }
}

/**
 * Writes down a law that needs an ability of the store.
 *
 * @example
 * able('aggregate', 'aggregates never cross tenants', 'always', async ({ a, can, handle }) => {
 *   assert.deepEqual(await a.run(() => can('aggregate')(handle)), new Map())
 * })
 */
export function able(ability: Ability, name: string, claim: LawClaim, run: (bench: Bench) => Promise<void>): Law {
  return { name, claim, ability, run }
}

/**
 * Writes down a law of what only some isolations have.
 *
 * @example
 * having('inventory', 'an inventory is empty after the erasure', async ({ a, isolation }) => {
 *   await isolation.deprovision(a.tenant)
 *   assert.deepEqual(await isolation.inventory?.(a.tenant), [])
 * })
 */
export function having(
  member: NonNullable<Law['member']>,
  name: string,
  run: (bench: Bench) => Promise<void>,
  ability?: Ability,
): Law {
  return { name, claim: 'always', member, run, ...(ability === undefined ? {} : { ability }) }
}
