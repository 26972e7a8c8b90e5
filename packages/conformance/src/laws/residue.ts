import assert from 'node:assert/strict'
import { type Bench, sorted } from '../bench.ts'
import { failureOf } from '../failure-of.ts'
import { type Law, law } from '../law.ts'

// Looked at before anything else runs, which might wipe it away.
async function clean({ b, note, residue, audit }: Bench): Promise<void> {
  assert.deepEqual(await residue(), [])
  const own = [note(), note(), note(), note()]
  await Promise.all(own.map(one => b.put(one)))
  assert.deepEqual(sorted(await b.list()), sorted(own))
  assert.deepEqual(await audit(b), sorted(own))
}

async function afterFault(bench: Bench, kind: 'timeout' | 'disconnect'): Promise<void> {
  const { a, note, audit, claims } = bench
  await bench.fault(kind, a, note('never committed'))
  await clean(bench)
  if (claims.transactions) assert.deepEqual(await audit(a), [])
}

/** However a unit of work ends, nothing of its tenant stands on the connection that the next tenant gets. */
export const residue: readonly Law[] = [
  law('nothing stays on a connection after success', 'pooled', async bench => {
    const { a, note } = bench
    await a.unit(async notes => {
      await notes.put(note())
      await notes.list()
    })
    await clean(bench)
    await a.list()
    assert.deepEqual(await bench.residue(), [])
  }),

  law('nothing stays on a connection after a throw', 'pooled', async bench => {
    const { a, note } = bench
    const thrown = new Error('thrown by the work')
    const work = a.unit(async notes => {
      await notes.put(note())
      throw thrown
    })
    assert.equal(await failureOf(work), thrown)
    await clean(bench)
  }),

  law('nothing stays on a connection after a timeout', 'pooled', bench => afterFault(bench, 'timeout')),

  law('nothing stays on a connection after a disconnect', 'pooled', bench => afterFault(bench, 'disconnect')),
]
