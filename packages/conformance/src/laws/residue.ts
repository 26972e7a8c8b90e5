import assert from 'node:assert/strict'
import type { Ability } from '../abilities.ts'
import { type Bench, sorted } from '../bench.ts'
import { failureOf } from '../failure-of.ts'
import { able, type Law, law } from '../law.ts'

// Looked at before anything else runs, which might wipe it away.
async function clean({ b, note, residue, audit }: Bench): Promise<void> {
  assert.deepEqual(await residue(), [])
  const before = await audit(b)
  const own = [note(), note(), note(), note()]
  await Promise.all(own.map(one => b.put(one)))
  assert.deepEqual(sorted(await b.list()), sorted([...before, ...own]))
  assert.deepEqual(await audit(b), sorted([...before, ...own]))
}

async function afterFault(bench: Bench, kind: 'timeout' | 'disconnect'): Promise<void> {
  const { a, note, audit, claims } = bench
  await bench.fault(kind, a, note('never committed'))
  await clean(bench)
  if (claims.transactions) assert.deepEqual(await audit(a), [])
}

type Fault = 'limit' | 'cancel' | 'kill'

async function afterAbility(bench: Bench, fault: Fault): Promise<void> {
  const { a, note, can, handle, audit, claims } = bench
  const error: unknown = await a.run(() => can(fault)(handle, note('never committed')))
  assert.ok(error instanceof Error, `${fault} must resolve to the error that the unit of work ended with.`)
  await clean(bench)
  if (claims.transactions) assert.deepEqual(await audit(a), [])
}

// Refused with a code, by the isolation or the store, or gone when the next tenant comes: nothing in between.
async function carries(
  bench: Bench,
  ability: Ability & ('temporary' | 'heldCursor' | 'setting' | 'lock'),
): Promise<void> {
  const { a, b, can, handle, isRefusal } = bench
  const ways = a.run(() => can(ability)(handle))
  assert.ok(ways.length > 0, `${ability} must give at least one way to try.`)
  for (const way of ways) {
    const tried = a
      .run(async () => way())
      .then(
        () => undefined,
        (error: unknown) => ({ error }),
      )
    // Beside others, so that a pooler which hands out sessions anew has more than one to choose from.
    const [outcome] = await Promise.all([tried, b.list(), b.list(), b.list()])
    if (outcome !== undefined) assert.ok(isRefusal(outcome.error), `Not a refusal: ${String(outcome.error)}`)
    await clean(bench)
  }
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

  able('rollback', 'nothing stays after a rollback', 'pooled', async bench => {
    const { a, note, can, handle, audit } = bench
    await a.run(() => can('rollback')(handle, note('never committed')))
    await clean(bench)
    assert.deepEqual(await audit(a), [])
  }),

  able('savepoint', 'a savepoint gives back the work and keeps the tenant', 'transactions', async bench => {
    const { a, b, note, can, handle, audit, claims } = bench
    const kept = note('kept')
    assert.deepEqual(await a.run(() => can('savepoint')(handle, kept, note('undone'))), [kept])
    if (claims.pooled) await clean(bench)
    assert.deepEqual([await a.list(), await audit(a)], [[kept], [kept]])
    for (const { text } of await b.list()) assert.notEqual(text, kept.text)
  }),

  able('limit', "nothing stays after the server's time limit", 'pooled', bench => afterAbility(bench, 'limit')),

  able('cancel', 'nothing stays after a cancel', 'pooled', bench => afterAbility(bench, 'cancel')),

  able('kill', 'nothing stays after a connection was killed', 'pooled', bench => afterAbility(bench, 'kill')),

  able('temporary', 'a temporary object is refused or gone', 'pooled', bench => carries(bench, 'temporary')),

  able('heldCursor', 'a held cursor is refused or gone', 'pooled', bench => carries(bench, 'heldCursor')),

  able('setting', 'a changed setting is refused or gone', 'pooled', bench => carries(bench, 'setting')),

  able('lock', 'a lock is refused or gone', 'pooled', bench => carries(bench, 'lock')),
]
