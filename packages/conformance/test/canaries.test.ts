import { AssertionError } from 'node:assert'
import { describe, expect, it } from 'vitest'
import { canaries, laws, runLaw, skipReason } from '../src/index.ts'

// Each law has the broken adapter to itself, so that what one law leaves behind fails no other.
async function brokenBy(subject: (typeof canaries)[number]['subject'], seed: number): Promise<Map<string, unknown>> {
  const broken = new Map<string, unknown>()
  for (const law of laws) {
    const fresh = await subject()
    if (skipReason(law, fresh) === undefined) {
      await runLaw(law, fresh, { seed, timeLimit: 5_000 }).catch((error: unknown) => broken.set(law.name, error))
    }
    await fresh.close()
  }
  return broken
}

it('every law has exactly one name and one canary', () => {
  const names = laws.map(({ name }) => name)
  expect(new Set(names).size).toBe(names.length)
  expect(canaries.map(({ law }) => law).sort()).toEqual([...names].sort())
})

describe('each canary is caught by its own law, and by no other that it does not name', () => {
  for (const { law, breaks, alsoBreaks, subject } of canaries) {
    it(`${law}: ${breaks}`, async () => {
      const broken = await brokenBy(subject, 1)
      expect([...broken.keys()].sort()).toEqual([law, ...alsoBreaks].sort())
      // Caught by what a law asserts, not because the adapter crashed.
      const error = broken.get(law)
      expect(error instanceof Error ? error.cause : error).toBeInstanceOf(AssertionError)
    })
  }
})

it('each canary is caught whatever the seed', async () => {
  const missed: string[] = []
  for (const { law: name, subject } of canaries) {
    for (const seed of [2, 3, 4, 5]) {
      const fresh = await subject()
      const law = laws.find(({ name: known }) => known === name)
      const caught =
        law === undefined
          ? false
          : await runLaw(law, fresh, { seed, timeLimit: 5_000 }).then(
              () => false,
              () => true,
            )
      if (!caught) missed.push(`${name} (seed ${seed})`)
      await fresh.close()
    }
  }
  expect(missed).toEqual([])
})
