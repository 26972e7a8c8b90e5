import assert from 'node:assert/strict'
import type { Tenant } from '@tenantry/core'
import { failureOf } from '../failure-of.ts'
import { type Law, law } from '../law.ts'
import { everyVerb, refusedWith } from '../refusals.ts'

const access = { actor: 'conformance', reason: 'a law of isolation' }

/** Where it is not certain whose work it is, nothing is sent. */
export const failClosed: readonly Law[] = [
  law('without a tenant nothing is sent', 'always', async ({ a, note, notes, unit, unsent }) => {
    const own = note()
    await a.put(own)
    await unsent(async () => {
      for (const call of [...everyVerb(notes, own), () => unit(inside => inside.list())]) {
        await refusedWith('TENANT_CONTEXT_MISSING', call, { scope: 'none' })
      }
    })
  }),

  law('in the system scope nothing is sent', 'always', async ({ a, note, notes, unit, unsent, tenancy }) => {
    const own = note()
    await a.put(own)
    await unsent(async () => {
      for (const call of [...everyVerb(notes, own), () => unit(inside => inside.list())]) {
        await refusedWith('TENANT_CONTEXT_MISSING', () => tenancy.runAsSystem(access, call), { scope: 'system' })
      }
    })
  }),

  law('a suspended tenant is refused on entry', 'always', async ({ b, note, notes, unsent, tenancy, registry }) => {
    const own = note()
    await b.put(own)
    const suspended = registry.update(b.tenant.id, { status: 'suspended' })
    await unsent(async () => {
      for (const call of everyVerb(notes, own)) {
        await refusedWith('TENANT_SUSPENDED', () => tenancy.run(suspended, call), { tenant: suspended.id })
      }
    })
  }),

  law('what the tenant source throws is what the caller gets', 'always', async ({ a, note, through, unsent }) => {
    const own = note()
    await a.put(own)
    const thrown = new Error('the tenant cannot be known')
    let asked: Tenant | undefined = a.tenant
    const notes = through(() => {
      if (asked === undefined) throw thrown
      return asked
    })
    assert.deepEqual(await notes.get(own.id), own)
    asked = undefined
    await unsent(async () => {
      for (const call of everyVerb(notes, own)) assert.equal(await failureOf(call()), thrown)
    })
  }),

  law('another tenant is not entered inside a unit of work', 'always', async ({ a, b, note, unsent }) => {
    const own = note()
    await a.put(own)
    await a.run(async () => {
      await unsent(async () => {
        for (const call of everyVerb(b, own)) {
          await refusedWith('TENANT_SWITCHED', call, { from: a.tenant.id, to: b.tenant.id })
        }
      })
      assert.deepEqual(await a.get(own.id), own)
    })
  }),

  law('a unit of work serves no other tenant', 'transactions', async ({ a, b, note, audit, unsent, tenancy }) => {
    const own = note()
    await a.unit(async notes => {
      await notes.put(own)
      await unsent(async () => {
        for (const call of everyVerb(notes, own)) {
          // Through the system scope another tenant may be entered; the connection is still the first one's.
          await refusedWith('SCOPE_MISMATCH', () => tenancy.runAsSystem(access, () => b.run(call)), {
            lease: a.tenant.id,
            current: b.tenant.id,
          })
          await refusedWith('TENANT_CONTEXT_MISSING', () => tenancy.runAsSystem(access, call), { scope: 'system' })
        }
      })
    })
    assert.deepEqual(await audit(a), [own])
    assert.deepEqual(await audit(b), [])
  }),

  law('a unit of work is dead after its end', 'transactions', async ({ a, note, audit, unsent }) => {
    const own = note()
    const kept = await a.unit(async notes => {
      await notes.put(own)
      return { notes }
    })
    await unsent(async () => {
      for (const call of everyVerb(kept.notes, note())) await refusedWith('SCOPE_CLOSED', () => a.run(call))
    })
    assert.deepEqual(await audit(a), [own])
  }),
]
