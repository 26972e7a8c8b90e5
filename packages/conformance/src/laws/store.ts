import assert from 'node:assert/strict'
import { failureOf } from '../failure-of.ts'
import { type Law, law } from '../law.ts'

/** What the server itself holds to. */
export const store: readonly Law[] = [
  law('a connection without a tenant sees nothing', 'enforced', async ({ a, b, note, audit, unscoped }) => {
    const [ofA, ofB] = [note('of a'), note('of b')]
    await a.put(ofA)
    await b.put(ofB)
    assert.deepEqual([await audit(a), await audit(b)], [[ofA], [ofB]])
    assert.deepEqual(await unscoped(), [])
  }),

  law('a unit of work that throws leaves nothing', 'transactions', async ({ a, note, audit }) => {
    const before = note('before')
    await a.put(before)
    const thrown = new Error('thrown by the work')
    const work = a.unit(async notes => {
      await notes.put(note('never committed'))
      await notes.update({ id: before.id, text: 'never committed' })
      throw thrown
    })
    assert.equal(await failureOf(work), thrown)
    assert.deepEqual(await audit(a), [before])
  }),
]
