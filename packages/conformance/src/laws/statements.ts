import assert from 'node:assert/strict'
import { sorted } from '../bench.ts'
import { able, type Law } from '../law.ts'
import type { Note } from '../subject.ts'

/** Confinement, whatever kind of statement it is. Each law is skipped, by name, where the store has no such statement. */
export const statements: readonly Law[] = [
  able('upsert', 'an upsert never finds the note of another tenant', 'always', async bench => {
    const { a, b, note, audit, can, handle } = bench
    const { id } = note()
    const upsert = can('upsert')
    await a.run(() => upsert(handle, { id, text: 'of a' }))
    const outcome = await b
      .run(async () => upsert(handle, { id, text: 'of b' }))
      .then(
        () => 'taken',
        (error: unknown) => `refused: ${String(error)}`,
      )
    assert.equal(outcome, 'taken')
    await a.run(() => upsert(handle, { id, text: 'of a, again' }))
    assert.deepEqual(await audit(a), [{ id, text: 'of a, again' }])
    assert.deepEqual(await audit(b), [{ id, text: 'of b' }])
  }),

  able('returning', 'what a change gives back is of one tenant', 'always', async bench => {
    const { a, b, note, audit, can, handle } = bench
    const own = note('of a')
    await a.put(own)
    const change = { id: own.id, text: 'changed' }
    assert.deepEqual(await b.run(() => can('returning')(handle, change)), [])
    assert.deepEqual(await audit(a), [own])
    assert.deepEqual(await a.run(() => can('returning')(handle, change)), [change])
  }),

  able('cte', 'a common table expression never crosses tenants', 'always', async bench => {
    const { a, b, note, audit, can, handle } = bench
    const [ofA, ofB] = [note('of a'), note('of b')]
    await a.put(ofA)
    assert.deepEqual(await b.run(() => can('cte')(handle)), [])
    await b.put(ofB)
    assert.deepEqual(await b.run(() => can('cte')(handle)), [ofB])
    assert.deepEqual([await audit(a), await audit(b)], [[ofA], []])
  }),

  able('join', 'a join never crosses tenants', 'always', async bench => {
    const { a, b, note, can, handle } = bench
    const [ofA, ofB] = [note('the same'), note('the same')]
    await a.put(ofA)
    assert.deepEqual(await b.run(() => can('join')(handle)), [])
    await b.put(ofB)
    assert.deepEqual(await b.run(() => can('join')(handle)), [[ofB.id, ofB.id]])
    assert.deepEqual(await a.run(() => can('join')(handle)), [[ofA.id, ofA.id]])
  }),

  able('aggregate', 'an aggregate never crosses tenants', 'always', async bench => {
    const { a, b, note, can, handle } = bench
    await a.put(note('the same'))
    await a.put(note('the same'))
    assert.deepEqual(await b.run(() => can('aggregate')(handle)), new Map())
    await b.put(note('the same'))
    assert.deepEqual(await b.run(() => can('aggregate')(handle)), new Map([['the same', 1]]))
    assert.deepEqual(await a.run(() => can('aggregate')(handle)), new Map([['the same', 2]]))
  }),

  able('prepared', 'a prepared statement is planned for no tenant', 'always', async bench => {
    const { a, b, note, can, handle, random } = bench
    const of = new Map([
      [a, note('of a')],
      [b, note('of b')],
    ])
    for (const [actor, own] of of) await actor.put(own)
    // A generic plan comes at the sixth execution on a connection, of which there are a few (threats R14).
    const order = [a, b, a, ...Array.from({ length: 27 }, () => (random.int(2) === 0 ? a : b))]
    for (const actor of order) assert.deepEqual(await actor.run(() => can('prepared')(handle)), [of.get(actor)])
  }),

  able('cursor', 'a cursor goes on as the tenant that opened it', 'transactions', async bench => {
    const { a, b, note, can, handle } = bench
    const own = [note('of a'), note('of a')]
    for (const one of own) await a.put(one)
    assert.deepEqual(await b.run(() => can('cursor')(handle, async () => undefined)), [])
    await b.put(note('of b'))
    const between = async (): Promise<void> => {
      await bench.tenancy.runAsSystem({ actor: 'conformance', reason: 'another tenant comes between' }, () => b.list())
    }
    assert.deepEqual(sorted(await a.run(() => can('cursor')(handle, between))), sorted(own))
  }),

  able('bulk', 'what is written in bulk is of one tenant', 'always', async bench => {
    const { a, b, note, audit, can, handle } = bench
    const [ofA, ofB]: [Note[], Note[]] = [
      [note('of a'), note('of a')],
      [note('of b'), note('of b')],
    ]
    await a.run(() => can('bulk')(handle, ofA))
    await b.run(() => can('bulk')(handle, ofB))
    assert.deepEqual([await audit(a), await audit(b)], [sorted(ofA), sorted(ofB)])
  }),

  able('bulk', 'a note of another tenant in bulk is refused', 'sharedStore', async bench => {
    const { a, b, note, audit, can, handle, refused } = bench
    const mixed = [note(), { ...note('smuggled'), tenant: b.tenant.id }]
    await refused(a.run(async () => can('bulk')(handle, mixed)))
    assert.deepEqual([await audit(a), await audit(b)], [[], []])
  }),

  able('copy', 'reading much at once never crosses tenants', 'always', async bench => {
    const { a, b, note, can, handle } = bench
    const ofB = note('of b')
    await a.put(note('of a'))
    assert.deepEqual(await b.run(() => can('copy')(handle)), [])
    await b.put(ofB)
    assert.deepEqual(await b.run(() => can('copy')(handle)), [ofB])
  }),
]
