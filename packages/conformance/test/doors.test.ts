import { AssertionError } from 'node:assert'
import { afterAll, describe, expect, it } from 'vitest'
import { doorCanaries, type MakeDoor, middlewareCases, middlewareLaws, referenceDoor } from '../src/index.ts'

const { cases, close } = await middlewareCases(referenceDoor)
describe('the reference door keeps every law', () => {
  for (const { name, run } of cases) it(name, run)
})
afterAll(close)

// Each law has the broken door to itself, so that what one law leaves behind fails no other.
async function brokenBy(door: MakeDoor, seed: number, only?: string): Promise<Map<string, unknown>> {
  const broken = new Map<string, unknown>()
  for (const { name } of middlewareLaws.filter(law => only === undefined || law.name === only)) {
    const fresh = await middlewareCases(door, { seed, timeLimit: 3_000 })
    const law = fresh.cases.find(each => each.name === name)
    await law?.run().catch((error: unknown) => broken.set(name, error))
    await fresh.close()
  }
  return broken
}

it('every law of doors has exactly one name and one canary', () => {
  const names = middlewareLaws.map(({ name }) => name)
  expect(new Set(names).size).toBe(names.length)
  expect(doorCanaries.map(({ law }) => law).sort()).toEqual([...names].sort())
})

describe('each canary is caught by its own law, and by no other that it does not name', () => {
  for (const { law, breaks, alsoBreaks, door } of doorCanaries) {
    it(`${law}: ${breaks}`, async () => {
      const broken = await brokenBy(door, 1)
      expect([...broken.keys()].sort()).toEqual([law, ...alsoBreaks].sort())
      const error = broken.get(law)
      expect(error instanceof Error ? error.cause : error).toBeInstanceOf(AssertionError)
    })
  }
})

it('each canary is caught whatever the seed', async () => {
  const missed: string[] = []
  for (const { law, door } of doorCanaries) {
    for (const seed of [2, 3, 4]) if (!(await brokenBy(door, seed, law)).has(law)) missed.push(`${law} (seed ${seed})`)
  }
  expect(missed).toEqual([])
})
