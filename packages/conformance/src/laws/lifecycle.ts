import assert from 'node:assert/strict'
import type { Erasure } from '@tenantry/core'
import { type Law, law } from '../law.ts'

function total({ erased }: Erasure): number {
  return erased.reduce((sum, { count }) => sum + count, 0)
}

/** How a tenant's store is made and erased. */
export const lifecycle: readonly Law[] = [
  law('provisioning twice is once', 'always', async ({ a, b, note, audit, isolation }) => {
    const [ofA, ofB, more] = [note('of a'), note('of b'), note('more')]
    await a.put(ofA)
    await b.put(ofB)
    await isolation.provision(a.tenant)
    assert.deepEqual([await audit(a), await audit(b)], [[ofA], [ofB]])
    await a.put(more)
    assert.equal((await audit(a)).length, 2)
  }),

  law('deprovisioning erases one tenant and no other', 'always', async ({ a, b, note, audit, isolation }) => {
    const ofB = note('of b')
    await a.put(note('of a'))
    await b.put(ofB)
    const erasure = await isolation.deprovision(a.tenant)
    assert.equal(erasure.tenant, a.tenant.id)
    assert.deepEqual([await audit(a), await audit(b)], [[], [ofB]])
  }),

  law('deprovisioning twice is once', 'always', async ({ a, note, audit, isolation }) => {
    await a.put(note())
    await isolation.deprovision(a.tenant)
    const again = await isolation.deprovision(a.tenant)
    assert.equal(again.tenant, a.tenant.id)
    assert.equal(total(again), 0)
    assert.deepEqual(await audit(a), [])
  }),

  law('deprovisioning counts what it erased', 'sharedStore', async ({ a, note, isolation }) => {
    for (let i = 0; i < 3; i += 1) await a.put(note())
    const { erased } = await isolation.deprovision(a.tenant)
    assert.ok(
      erased.some(({ count }) => count === 3),
      `Three notes were erased, and it says ${JSON.stringify(erased)}`,
    )
  }),
]
