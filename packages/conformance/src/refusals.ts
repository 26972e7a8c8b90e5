import assert from 'node:assert/strict'
import { type ErrorCode, type ErrorDetails, isTenancyError } from '@tenantry/core'
import { failureOf } from './failure-of.ts'
import type { Note, Notes } from './subject.ts'

/** Asserts that work is refused with this code, and with these details where they are given. */
export async function refusedWith<C extends ErrorCode>(
  code: C,
  work: () => unknown,
  details?: ErrorDetails<C>,
): Promise<void> {
  // In an async function, what is thrown at once and what is rejected later are the same.
  const error = await failureOf((async () => work())())
  assert.ok(isTenancyError(error), `Expected ${code}, got ${error.name}: ${error.message}`)
  assert.equal(error.code, code, error.message)
  if (details !== undefined) assert.deepEqual(error.details, details)
}

/** Every verb, ready to be called, for laws in which all of them must be refused. */
export function everyVerb(notes: Notes, note: Note): readonly (() => Promise<unknown>)[] {
  return [
    () => notes.put(note),
    () => notes.get(note.id),
    () => notes.list(),
    () => notes.count(),
    () => notes.update(note),
    () => notes.remove(note.id),
  ]
}
