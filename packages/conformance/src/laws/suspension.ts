import assert from 'node:assert/strict'
import { isTenancyError } from '@tenantry/core'
import type { Actor, Bench } from '../bench.ts'
import { having, type Law } from '../law.ts'

/** Another process: it knows of no suspension, and takes the tenant for active. */
async function elsewhere({ can, over }: Bench) {
  const isolation = await can('second')()
  return { ...over(isolation), close: isolation.close }
}

async function suspend({ isolation, registry }: Bench, { tenant }: Actor, deadline: number): Promise<void> {
  await isolation.suspend?.(registry.update(tenant.id, { status: 'suspended' }), deadline)
}

/** What a piece of work ends with; undefined when all went well. */
async function errorOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => undefined,
    (error: unknown) => error ?? new Error('It failed with nothing.'),
  )
}

/** What becomes of a tenant at the server while it is suspended. */
export const suspension: readonly Law[] = [
  having(
    'suspend',
    'a suspended tenant is refused by the server, whoever asks, and no other is',
    async bench => {
      const { a, b, note, audit, isolation, registry, tenancy, notes } = bench
      const other = await elsewhere(bench)
      const [ofA, ofB] = [note('of a'), note('of b')]
      await a.run(() => other.notes.put(ofA))
      await suspend(bench, a, 1_000)
      // A connection that was ended may be found out by the first.
      const told: string[] = []
      for (let times = 0; times < 5 && told.at(-1) !== 'TENANT_SUSPENDED'; times += 1) {
        const error = await errorOf(a.run(() => other.notes.put(note('late'))))
        told.push(isTenancyError(error) ? error.code : error === undefined ? 'it was served' : String(error))
      }
      assert.equal(told.at(-1), 'TENANT_SUSPENDED', told.join(', '))
      assert.ok(!told.includes('it was served'), told.join(', '))
      await b.run(() => other.notes.put(ofB))
      assert.deepEqual([await audit(a), await audit(b)], [[ofA], [ofB]])
      const suspended = registry.update(a.tenant.id, {})
      await isolation.resume?.(suspended)
      const again = registry.update(a.tenant.id, { status: 'active' })
      await tenancy.run(again, () => notes.update({ id: ofA.id, text: 'again' }))
      assert.deepEqual(await tenancy.run(again, () => other.notes.list()), [{ id: ofA.id, text: 'again' }])
      await other.close()
    },
    'second',
  ),

  having(
    'suspend',
    'nothing of a suspended tenant lands once it is suspended',
    async bench => {
      const { a, note, audit, claims, isolation, registry } = bench
      const other = await elsewhere(bench)
      let begun: () => void = () => undefined
      const hasBegun = new Promise<void>(resolve => {
        begun = resolve
      })
      let goOn: () => void = () => undefined
      const mayGoOn = new Promise<void>(resolve => {
        goOn = resolve
      })
      const work = errorOf(
        a.run(() =>
          other.unit(async notes => {
            await notes.put(note('in the middle'))
            begun()
            // It has asked for all that it needs, and has only to end.
            await mayGoOn
          }),
        ),
      )
      const early = await Promise.race([hasBegun, work])
      assert.equal(early, undefined, `The unit of work did not begin: ${String(early)}`)
      await suspend(bench, a, 20)
      const there = await audit(a)
      if (claims.transactions) assert.deepEqual(there, [])
      goOn()
      const error = await work
      assert.deepEqual(await audit(a), there)
      if (claims.transactions) assert.ok(error !== undefined, 'A unit of work says that it landed, and has not.')
      await isolation.resume?.(registry.update(a.tenant.id, { status: 'active' }))
      await other.close()
    },
    'second',
  ),
]
