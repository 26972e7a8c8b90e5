import assert from 'node:assert/strict'
import { type Actor, type Bench, sorted } from '../bench.ts'
import { type Law, law } from '../law.ts'
import type { Note, Notes } from '../subject.ts'
import { type Turnstile, turnstile } from '../turnstile.ts'

const tenants = 20
const unitsOfWork = 200

// Between any two statements the unit waits for its turn; every read is checked against whose unit it is.
async function interleavedWork(notes: Notes, actor: Actor, note: Note, gate: Turnstile): Promise<Note> {
  const kept = { id: note.id, text: `${note.text} changed` }
  await gate.pass()
  await notes.put(note)
  await gate.pass()
  const listed = await notes.list()
  for (const { text } of listed) assert.ok(text.startsWith(actor.tenant.id), `${actor.tenant.id} listed "${text}"`)
  assert.deepEqual(
    listed.filter(({ id }) => id === note.id),
    [note],
  )
  await gate.pass()
  assert.equal(await notes.update(kept), 1)
  await gate.pass()
  assert.deepEqual(await notes.get(note.id), kept)
  return kept
}

async function storm(bench: Bench, width: number, unit: 'atomic' | 'single'): Promise<void> {
  const { random, note, audit, timeLimit } = bench
  const actors: Actor[] = []
  for (let i = 0; i < tenants; i += 1) actors.push(await bench.tenant())
  const written = new Map<Actor, Note[]>(actors.map(actor => [actor, []]))
  const gate = turnstile({ units: unitsOfWork, width, random, patience: timeLimit / 3 })

  async function oneUnit(actor: Actor, number: number): Promise<void> {
    const own = note(`${actor.tenant.id} unit ${number}`)
    try {
      const kept =
        unit === 'atomic'
          ? await actor.unit(notes => interleavedWork(notes, actor, own, gate))
          : await interleavedWork(actor, actor, own, gate)
      written.get(actor)?.push(kept)
    } finally {
      gate.leave()
    }
  }

  const turns = Array.from({ length: unitsOfWork / tenants }, () => actors).flat()
  const outcomes = await Promise.allSettled(random.shuffle(turns).map(oneUnit))
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
  for (const [actor, notes] of written) {
    assert.equal(notes.length, unitsOfWork / tenants)
    assert.deepEqual(await audit(actor), sorted(notes))
  }
}

/** 200 units of work of 20 tenants, interleaved by the seed over fewer connections than there are tenants. */
export const concurrency: readonly Law[] = [
  // Two, since that is how many connections every isolation is asked to have.
  law('interleaved units of work never meet', 'transactions', bench => storm(bench, 2, 'atomic')),

  law('interleaved single statements never meet', 'always', bench => storm(bench, 8, 'single')),
]
