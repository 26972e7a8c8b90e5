import type { Claims } from '@tenantry/core'
import { expect, it } from 'vitest'
import { type LawResult, laws, runConformance, type Subject } from '../src/index.ts'
import { mapSubject } from './fixtures/map-subject.ts'

type MapSubject = Awaited<ReturnType<typeof mapSubject>>

/** What an author writes to make a claim go through that the isolation does not hold. */
const excuses: { readonly [K in keyof Claims]: (honest: MapSubject) => Partial<Subject<never>> } = {
  sharedStore: ({ notes }) => ({
    notes: handle => ({ ...notes(handle), putAs: async (_, note) => notes(handle).put(note), move: async () => 1 }),
    refused: () => true,
  }),
  enforced: ({ outside }) => ({ outside: { ...outside, unscoped: outside.everything } }),
  pooled: ({ outside, notes }) => {
    let used = ''
    const fault = async (handle: never, note: { id: string; text: string }): Promise<Error> => {
      await notes(handle).put(note)
      used = note.id
      return new Error('the fault')
    }
    return {
      outside: { ...outside, residue: async () => (used === '' ? [] : [`a cache of note ${used}`]) },
      faults: { timeout: fault, disconnect: fault },
    }
  },
  transactions: ({ notes }) => ({ unit: (handle, work) => work(notes(handle)) }),
  objects: () => ({ objects: { interrupt: async () => false, plant: async () => undefined, left: async () => [] } }),
}

async function claiming(claim: keyof Claims, excuse: (honest: MapSubject) => object): Promise<MapSubject> {
  const honest = await mapSubject()
  const isolation = { ...honest.isolation, claims: { ...honest.isolation.claims, [claim]: true } }
  return { ...honest, ...excuse(honest), isolation }
}

function failed(results: readonly LawResult[]): string[] {
  return results.flatMap(result => (result.status === 'failed' ? [result.law] : []))
}

for (const claim of Object.keys(excuses) as (keyof typeof excuses)[]) {
  const proving = laws.filter(law => law.claim === claim && law.ability === undefined).map(({ name }) => name)

  it(`an isolation that claims ${claim} and does not hold it fails`, async () => {
    const report = await runConformance(() => claiming(claim, excuses[claim]), { seed: 1, timeLimit: 5_000 })
    const broken = failed(report.laws)
    expect(broken.length).toBeGreaterThan(0)
    expect(proving).toEqual(expect.arrayContaining(broken))
    for (const result of report.laws) {
      // Found out by what a law asserts of it, not because something was missing.
      if (result.status === 'failed') expect(result.error.message).not.toContain('must have')
    }
  })

  it(`an isolation that claims ${claim} and cannot be looked at fails`, async () => {
    const report = await runConformance(() => claiming(claim, () => ({})), { seed: 1, timeLimit: 5_000 })
    expect(failed(report.laws).filter(name => proving.includes(name)).length).toBeGreaterThan(0)
    for (const result of report.laws) {
      if (result.status === 'failed')
        expect(result.error.message).toContain(`claims ${claim}, so its subject must have`)
    }
  })
}
