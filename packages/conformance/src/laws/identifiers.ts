import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { isTenancyError } from '@tenantry/core'
import type { Actor, Bench } from '../bench.ts'
import { type Law, law } from '../law.ts'
import type { Note, Notes } from '../subject.ts'

// Each id gets a note of its own before anything is read, so that two ids which meet anywhere are seen.
async function apart(bench: Bench, ids: readonly string[], mayRefuse = false): Promise<void> {
  const { note, audit, isolation, through } = bench
  const actors: Actor[] = []
  for (const id of ids) {
    const outcome = await bench.tenant(id).catch((error: unknown) => ({ error }))
    if ('tenant' in outcome) actors.push(outcome)
    else assert.ok(mayRefuse && isTenancyError(outcome.error), `"${id}" was refused: ${String(outcome.error)}`)
  }
  try {
    const kept: { readonly actor: Actor; readonly notes: Notes; readonly own: Note }[] = []
    for (const actor of actors) {
      const { id } = actor.tenant
      // Handed to the isolation as it is: a tenancy refuses what breaks the rule, and an adapter may not rely on one.
      const notes = through(() => actor.tenant)
      const own = note(`of "${id}"`)
      const refused = await notes.put(own).then(
        () => undefined,
        (error: unknown) => ({ error }),
      )
      if (refused === undefined) kept.push({ actor, notes, own })
      else assert.ok(mayRefuse && isTenancyError(refused.error), `"${id}" was not served: ${String(refused.error)}`)
    }
    for (const { actor, notes, own } of kept) {
      assert.deepEqual(await notes.list(), [own])
      assert.deepEqual(await audit(actor), [own])
    }
    for (const { notes, own } of kept) assert.equal(await notes.remove(own.id), 1)
  } finally {
    // The ids are not new each time, and the next run must find nothing of this one.
    for (const { tenant } of actors) {
      const outcome = await isolation.deprovision(tenant).catch((error: unknown) => ({ error }))
      if ('error' in outcome) assert.ok(mayRefuse && isTenancyError(outcome.error), String(outcome.error))
    }
  }
}

const fresh = (length: number): string => randomBytes(length).toString('hex').slice(0, length)

/** Two ids are two tenants, whatever a store makes of names: what is folded, cut off or glued together meets here. */
export const identifiers: readonly Law[] = [
  law('ids that differ by case only are two tenants', 'always', bench => {
    const id = `t${fresh(20)}x`
    return apart(bench, [id, id.toUpperCase(), `T${id.slice(1)}`])
  }),

  law('ids that share their first 63 bytes are two tenants', 'always', bench => {
    const shared = fresh(63)
    return apart(bench, [shared, `${shared}a`, `${shared}b`])
  }),

  law('ids that differ by a delimiter only are two tenants', 'always', bench => {
    const id = fresh(20)
    return apart(bench, [
      `${id}_b`,
      `${id}-b`,
      `${id}__b`,
      `${id}--b`,
      `${id}b`,
      `${id}_`,
      `${id}-`,
      `_${id}`,
      `-${id}`,
    ])
  }),

  law('an id that means something elsewhere is only an id', 'always', bench =>
    apart(bench, [
      ...['null', 'undefined', 'true', '0', '00', '-', '--', '__proto__', 'constructor', 'toString'],
      ...['public', 'pg_catalog', 'information_schema', 'current_user', 'default', 'template1', 'admin', 'local'],
    ]),
  ),

  // No registry of Tenantry lets these in. An isolation may refuse them by a code, and may not mix them up.
  law('an id against the rule is refused or kept apart', 'always', bench => {
    const id = fresh(12)
    return apart(
      bench,
      [
        ...[
          id,
          `${id}:b`,
          `${id}:b:c`,
          `${id}/b`,
          `${id}.b`,
          `${id} `,
          ` ${id}`,
          `${id}%`,
          `${id}*`,
          `${id}?`,
          `${id},b`,
        ],
        ...[
          `${id}'`,
          `${id}''`,
          `${id}"`,
          `${id}\\`,
          `${id}' or '1'='1`,
          `${id}; drop table notes`,
          `${id}$$`,
          `{${id}}`,
        ],
        ...[
          `${id}\n`,
          `${id}\t`,
          `${id}\u0000`,
          `${id}\u200b`,
          `${id}\u00e9`,
          `${id}e\u0301`,
          `${id}x`.padEnd(300, 'x'),
        ],
      ],
      true,
    )
  }),
]
