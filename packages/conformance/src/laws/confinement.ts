import assert from 'node:assert/strict'
import { sorted } from '../bench.ts'
import { type Law, law } from '../law.ts'
import type { Note } from '../subject.ts'

// Each law looks through its own verb and checks by the audit, so that what breaks one verb breaks one law.

/** A tenant reaches its own notes and no other's: nothing is done, and nothing is said. */
export const confinement: readonly Law[] = [
  law('reading never crosses tenants', 'always', async ({ a, b, note }) => {
    const secret = note('of a')
    await a.put(secret)
    assert.equal(await b.get(secret.id), undefined)
    assert.deepEqual(await a.get(secret.id), secret)
  }),

  law('listing never crosses tenants', 'always', async ({ a, b, note }) => {
    const [ofA, ofB] = [note('of a'), note('of b')]
    await a.put(ofA)
    assert.deepEqual(await b.list(), [])
    await b.put(ofB)
    assert.deepEqual(await b.list(), [ofB])
    assert.deepEqual(await a.list(), [ofA])
  }),

  law('counting never crosses tenants', 'always', async ({ a, b, note }) => {
    await a.put(note())
    await a.put(note())
    assert.equal(await b.count(), 0)
    assert.equal(await a.count(), 2)
  }),

  law('updating never crosses tenants', 'always', async ({ a, b, note, audit }) => {
    const [ofA, ofB] = [note('of a'), note('of b')]
    await a.put(ofA)
    assert.equal(await b.update({ id: ofA.id, text: 'by b' }), 0)
    assert.deepEqual(await audit(a), [ofA])
    await b.put(ofB)
    assert.equal(await b.update({ id: ofB.id, text: 'by b' }), 1)
    assert.deepEqual(await audit(b), [{ id: ofB.id, text: 'by b' }])
    assert.deepEqual(await audit(a), [ofA])
  }),

  law('removing never crosses tenants', 'always', async ({ a, b, note, audit }) => {
    const [ofA, ofB] = [note('of a'), note('of b')]
    await a.put(ofA)
    assert.equal(await b.remove(ofA.id), 0)
    assert.deepEqual(await audit(a), [ofA])
    await b.put(ofB)
    assert.equal(await b.remove(ofB.id), 1)
    assert.deepEqual(await audit(b), [])
    assert.deepEqual(await audit(a), [ofA])
  }),

  law('a note put as another tenant is refused', 'sharedStore', async ({ a, b, note, audit, refused }) => {
    const own = note()
    await a.putAs(a.tenant.id, own)
    await refused(a.putAs(b.tenant.id, note('smuggled')))
    assert.deepEqual(await audit(a), [own])
    assert.deepEqual(await audit(b), [])
  }),

  law('a note moved to another tenant is refused', 'sharedStore', async ({ a, b, note, audit, refused }) => {
    const own = note()
    await a.put(own)
    await refused(a.move(own.id, b.tenant.id))
    assert.deepEqual(await audit(a), [own])
    assert.deepEqual(await audit(b), [])
  }),

  law('the same id in two tenants is two notes', 'always', async ({ a, b, note, audit }) => {
    const { id } = note()
    await a.put({ id, text: 'of a' })
    const outcome = await b.put({ id, text: 'of b' }).then(
      () => 'taken',
      (error: unknown) => `refused: ${String(error)}`,
    )
    assert.equal(outcome, 'taken')
    assert.deepEqual(await audit(a), [{ id, text: 'of a' }])
    assert.deepEqual(await audit(b), [{ id, text: 'of b' }])
  }),

  law('a handle follows its tenant: A, B, A', 'always', async ({ a, b, note, audit, random }) => {
    // A prepared statement of Postgres gets a generic plan at its sixth execution, hence more than a few (threats R14).
    const order = ['a', 'b', 'a', ...Array.from({ length: 21 }, () => (random.int(2) === 0 ? 'a' : 'b'))]
    const [ofA, ofB]: [Note[], Note[]] = [[], []]
    for (const text of order) {
      const [actor, list] = text === 'a' ? [a, ofA] : [b, ofB]
      const next = note(text)
      list.push(next)
      await actor.put(next)
      assert.deepEqual(sorted(await actor.list()), sorted(list))
    }
    assert.deepEqual(await audit(a), sorted(ofA))
    assert.deepEqual(await audit(b), sorted(ofB))
  }),
]
