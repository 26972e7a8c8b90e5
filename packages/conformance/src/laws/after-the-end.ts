import assert from 'node:assert/strict'
import { failureOf } from '../failure-of.ts'
import { able, type Law, law } from '../law.ts'
import { everyVerb, refusedWith } from '../refusals.ts'

const access = { actor: 'conformance', reason: 'a law of isolation' }

/** What is kept is dead after its end, and what is nested leads back to what was before. */
export const afterTheEnd: readonly Law[] = [
  law('a unit of work is dead after it threw', 'transactions', async ({ a, b, note, audit, unsent }) => {
    const kept: Parameters<typeof everyVerb>[0][] = []
    const thrown = new Error('thrown by the work')
    const work = a.unit(async notes => {
      kept.push(notes)
      throw thrown
    })
    assert.equal(await failureOf(work), thrown)
    assert.equal(kept.length, 1)
    await unsent(async () => {
      for (const notes of kept) {
        for (const call of everyVerb(notes, note())) {
          await refusedWith('SCOPE_CLOSED', () => a.run(call))
          await refusedWith('SCOPE_CLOSED', () => b.run(call))
        }
      }
    })
    assert.deepEqual([await audit(a), await audit(b)], [[], []])
  }),

  law('a statement that nobody awaits stays with its tenant', 'transactions', async bench => {
    const { a, b, note, audit, isRefusal } = bench
    const [floating, ofB] = [note('floating'), note('of b')]
    let settled: Promise<unknown> = Promise.resolve()
    const end = a.unit(async notes => {
      settled = notes.put(floating).catch((error: unknown) => error)
    })
    // It may be refused at its end, for what was on its way; the next unit of work comes on the same connection.
    await end.catch((error: unknown) => assert.ok(isRefusal(error), String(error)))
    await b.unit(async notes => {
      for (let i = 0; i < 4; i += 1) await notes.list()
      await notes.put(ofB)
    })
    await settled
    assert.deepEqual(await audit(b), [ofB])
    const kept = await audit(a)
    assert.deepEqual(kept, kept.length === 0 ? [] : [floating])
    assert.deepEqual(await b.list(), [ofB])
  }),

  able('second', 'a closed isolation sends nothing more', 'always', async bench => {
    const { a, can, note, unsent, over, claims } = bench
    const own = note()
    await a.put(own)
    const isolation = await can('second')()
    await isolation.ready()
    const { notes, unit } = over(isolation)
    assert.deepEqual(await a.run(() => notes.list()), [own])
    const unitOfIt = async (): Promise<void> => {
      // Its transaction is open when the isolation is closed, and can only end with an error or without effect.
      await unit(async inside => {
        await inside.list()
        await isolation.close()
        await unsent(async () => {
          for (const call of everyVerb(inside, note())) await refusedWith('SCOPE_CLOSED', call)
        })
      })
    }
    if (claims.transactions) await Promise.allSettled([a.run(unitOfIt)]).then(([end]) => assertClosed(end))
    await isolation.close()
    await isolation.close()
    await a.run(() =>
      unsent(async () => {
        for (const call of everyVerb(notes, own)) await refusedWith('SCOPE_CLOSED', call)
        if (claims.transactions) await refusedWith('SCOPE_CLOSED', () => unit(inside => inside.list()))
      }),
    )
    assert.deepEqual(await a.list(), [own])
  }),

  law('after a nested context the outer one is back', 'always', async ({ a, b, note, tenancy }) => {
    const [ofA, ofB] = [note('of a'), note('of b')]
    await b.put(ofB)
    await a.run(async () => {
      await a.put(ofA)
      await assert.rejects(() =>
        tenancy.runAsSystem(access, () =>
          b.run(() => {
            throw new Error('thrown in b')
          }),
        ),
      )
      assert.deepEqual(await a.list(), [ofA])
      assert.deepEqual(await tenancy.runAsSystem(access, () => b.run(() => b.list())), [ofB])
      assert.deepEqual(await a.list(), [ofA])
      await a.run(async () => assert.deepEqual(await a.list(), [ofA]))
    })
  }),
]

// The end of a transaction may be refused, since nothing may be sent; what the law itself found must come through.
function assertClosed(end: PromiseSettledResult<void>): void {
  if (end.status === 'fulfilled') return
  const { reason } = end
  if (reason instanceof assert.AssertionError) throw reason
  assert.equal((reason as { code?: unknown }).code, 'SCOPE_CLOSED', String(reason))
}
