import assert from 'node:assert/strict'
import { AsyncResource } from 'node:async_hooks'
import type { Actor, Bench } from '../bench.ts'
import { able, type Law, law } from '../law.ts'
import { type Carriage, type Primitive, primitives } from '../primitives.ts'
import { refusedWith } from '../refusals.ts'
import type { Note } from '../subject.ts'

const access = { actor: 'conformance', reason: 'a law of isolation' }

// A job of the queue is resumed where no tenant is; everything else is called in the unit of work of the other tenant.
function carriage({ tenancy }: Bench, giver: Actor, caller: Actor, { whose }: Primitive): Carriage {
  return { given: giver.run, called: whose === 'envelope' ? fn => fn() : caller.run, tenancy }
}

const ways = (...whose: readonly Primitive['whose'][]) => primitives.filter(each => whose.includes(each.whose))

/** The handle, used where a primitive calls it, acts for the right tenant: each way, each of two tenants, both at once. */
async function actsFor(bench: Bench, over: readonly Primitive[], right: 'giver' | 'caller'): Promise<void> {
  const { a, b, note, notes } = bench
  const own = new Map<Actor, Note>([
    [a, note('of a')],
    [b, note('of b')],
  ])
  for (const [actor, one] of own) await actor.put(one)
  for (const primitive of over) {
    const pairs: readonly (readonly [Actor, Actor])[] = [
      [a, b],
      [b, a],
    ]
    // Both are set off before either is awaited, so that they meet in the same turn of the event loop.
    const seen = await Promise.all(
      pairs.map(([giver, caller]) => primitive.carry(() => notes.list(), carriage(bench, giver, caller, primitive))),
    )
    for (const [at, [giver, caller]] of pairs.entries()) {
      const expected = own.get(right === 'giver' ? giver : caller)
      assert.deepEqual(seen[at], [expected], `Through ${primitive.name} another tenant's notes were listed.`)
    }
  }
}

function call<T>(fn: () => T): T {
  return fn()
}

/** The tenant context goes where the work goes, through whatever calls it (threats, section 1.6). */
export const context: readonly Law[] = [
  law('work that goes on later keeps its tenant', 'always', bench => actsFor(bench, ways('giver'), 'giver')),

  law('a bound callback acts for the tenant that bound it', 'always', bench => actsFor(bench, ways('bound'), 'giver')),

  law('an envelope is resumed as its tenant', 'always', async bench => {
    await actsFor(bench, ways('envelope'), 'giver')
    const { a, b, notes, tenancy } = bench
    const ofA = a.run(() => tenancy.capture())
    await refusedWith('TENANT_SWITCHED', () => b.run(() => tenancy.resume(ofA, () => notes.list())))
    await refusedWith('TENANT_NOT_FOUND', () => tenancy.resume({ ...ofA, tenant: 'nobody' }, () => notes.list()))
    await refusedWith('ENVELOPE_INVALID', () => tenancy.resume({ ...ofA, more: b.tenant.id }, () => notes.list()))
  }),

  law('what another tenant calls acts for the caller', 'always', async bench => {
    await actsFor(bench, ways('caller'), 'caller')
    const { a, notes, unsent } = bench
    await a.run(() =>
      unsent(async () => {
        const called = await bench.tenancy.runAsSystem(access, () => AsyncResource.bind(call))
        for (const primitive of ways('caller')) {
          const nobody: Carriage = { given: call, called: called as typeof call, tenancy: bench.tenancy }
          await refusedWith('TENANT_CONTEXT_MISSING', () => primitive.carry(() => notes.list(), nobody), {
            scope: 'system',
          })
        }
      }),
    )
  }),

  law('a unit of work refuses another tenant, however it is called', 'transactions', async bench => {
    const { a, b, note, tenancy, unsent } = bench
    const own = note()
    await a.put(own)
    const outside = AsyncResource.bind(call) as Carriage['called']
    await a.unit(async notes => {
      assert.deepEqual(await notes.list(), [own])
      const asB = (await tenancy.runAsSystem(access, () => b.run(() => AsyncResource.bind(call)))) as typeof call
      await unsent(async () => {
        for (const primitive of primitives) {
          const ofB: Carriage = { given: asB, called: primitive.whose === 'envelope' ? outside : asB, tenancy }
          await refusedWith('SCOPE_MISMATCH', () => primitive.carry(() => notes.list(), ofB))
        }
      })
      for (const primitive of primitives) {
        const ofA = { given: a.run, called: a.run, tenancy }
        assert.deepEqual(await primitive.carry(() => notes.list(), ofA), [own], `Through ${primitive.name}`)
      }
    })
  }),

  able('callback', 'a callback is called in the context of who handed it in', 'always', async bench => {
    const { a, b, note, can, handle, tenancy, notes } = bench
    for (const actor of [a, b]) await actor.put(note(actor.tenant.id))

    function called(actor: Actor): Promise<string> {
      return actor.run(
        () =>
          new Promise((resolve, reject) => {
            can('callback')(handle, (error, listed) => {
              if (error !== undefined && error !== null) return reject(error)
              const texts = listed?.map(({ text }) => text).join()
              resolve(notes.list().then(again => `${texts} ${again.map(({ text }) => text)} ${tenancy.current().id}`))
            })
          }),
      )
    }

    // More at once than there are connections, so that some wait for one that another tenant gives back.
    const order = [a, b, a, b, b, a, a, b]
    const seen = await Promise.all(order.map(called))
    assert.deepEqual(
      seen,
      order.map(({ tenant: { id } }) => `${id} ${id} ${id}`),
    )
  }),
]
