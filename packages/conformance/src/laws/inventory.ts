import assert from 'node:assert/strict'
import type { Tenant } from '@tenantry/core'
import type { Bench } from '../bench.ts'
import { having, type Law } from '../law.ts'

async function held({ isolation }: Bench, tenant: Tenant): Promise<number> {
  const found = await isolation.inventory?.(tenant)
  return (found ?? []).reduce((sum, { count }) => sum + count, 0)
}

/** What a tenant has, by the word of the server. */
export const inventory: readonly Law[] = [
  having('inventory', 'an inventory counts what is one tenant’s and no other’s', async bench => {
    const { a, b, note } = bench
    for (const each of [a, b]) await each.put(note())
    const [ofA, ofB] = [await held(bench, a.tenant), await held(bench, b.tenant)]
    for (let i = 0; i < 3; i += 1) await a.put(note())
    const [more, same] = [await held(bench, a.tenant), await held(bench, b.tenant)]
    assert.ok(more >= ofA + 3, `Three notes were added to ${ofA} things, and there are ${more}.`)
    assert.equal(same, ofB)
  }),

  having('inventory', 'an inventory is empty before a tenant is made and once it is erased', async bench => {
    const { a, note, isolation, unprovisioned } = bench
    assert.deepEqual(await isolation.inventory?.(unprovisioned()), [])
    await a.put(note())
    assert.ok((await held(bench, a.tenant)) > 0, 'There is a note, and the inventory is empty.')
    await isolation.deprovision(a.tenant)
    assert.deepEqual(await isolation.inventory?.(a.tenant), [])
  }),
]
