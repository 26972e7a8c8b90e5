import assert from 'node:assert/strict'
import { type Erasure, isTenancyError } from '@tenantry/core'
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

  law('provisioning that was interrupted is finished by the next', 'objects', async bench => {
    const { note, isolation, unprovisioned, tenancy, notes, objects, audit } = bench
    let interrupted = 0
    for (let step = 0; step < 100; step += 1) {
      const tenant = unprovisioned()
      const more = await objects().interrupt(tenant, step)
      await isolation.provision(tenant)
      const own = note()
      const served = await tenancy
        .run(tenant, () => notes.put(own))
        .then(
          () => 'served',
          (error: unknown) => `not served: ${String(error)}`,
        )
      assert.equal(served, 'served')
      assert.deepEqual(await tenancy.run(tenant, () => notes.list()), [own])
      assert.deepEqual(await audit({ tenant }), [own])
      if (!more) break
      interrupted += 1
    }
    assert.ok(interrupted > 0 && interrupted < 100, `objects.interrupt says that there are ${interrupted} steps.`)
  }),

  law('a half-made tenant can be erased', 'objects', async ({ isolation, unprovisioned, objects }) => {
    for (let more = true, step = 1; more && step < 100; step += 1) {
      const tenant = unprovisioned()
      more = await objects().interrupt(tenant, step)
      await isolation.deprovision(tenant)
      assert.deepEqual(await objects().left(tenant), [])
    }
  }),

  law('provisioning never adopts a foreign object', 'objects', async ({ isolation, unprovisioned, objects }) => {
    const tenant = unprovisioned()
    await objects().plant(tenant)
    const before = await objects().left(tenant)
    assert.ok(before.length > 0, 'objects.plant must make something that objects.left tells of.')
    const outcome = await isolation.provision(tenant).then(
      () => undefined,
      (error: unknown) => ({ error }),
    )
    assert.ok(outcome !== undefined, 'An object that somebody else made was adopted.')
    assert.ok(isTenancyError(outcome.error), `Not refused by a code: ${String(outcome.error)}`)
    assert.deepEqual(await objects().left(tenant), before)
  }),

  law('deprovisioning never erases a foreign object', 'objects', async ({ isolation, unprovisioned, objects }) => {
    const tenant = unprovisioned()
    await objects().plant(tenant)
    const before = await objects().left(tenant)
    assert.ok(before.length > 0, 'objects.plant must make something that objects.left tells of.')
    // Whether it is refused or finds nothing to do: what somebody else made stays as it is.
    const outcome = await isolation.deprovision(tenant).then(
      erasure => total(erasure),
      (error: unknown) => error,
    )
    assert.ok(outcome === 0 || isTenancyError(outcome), `It says ${String(outcome)}`)
    assert.deepEqual(await objects().left(tenant), before)
  }),

  law('deprovisioning leaves no object behind', 'objects', async ({ a, b, note, isolation, objects }) => {
    await a.put(note())
    await b.put(note())
    const ofB = await objects().left(b.tenant)
    assert.ok((await objects().left(a.tenant)).length > 0, 'objects.left does not tell of what was provisioned.')
    await isolation.deprovision(a.tenant)
    assert.deepEqual(await objects().left(a.tenant), [])
    assert.deepEqual(await objects().left(b.tenant), ofB)
  }),
]
