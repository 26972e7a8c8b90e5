import type { Claims } from '@tenantry/core'
import { expect, it } from 'vitest'
import {
  conformance,
  formatReport,
  laws,
  memoryIsolation,
  memorySubject,
  runConformance,
  runLaw,
  type Subject,
} from '../src/index.ts'

type MemorySubject = Awaited<ReturnType<typeof memorySubject>>

async function changed(change: (subject: MemorySubject) => Partial<MemorySubject>): Promise<MemorySubject> {
  const subject = await memorySubject()
  return { ...subject, ...change(subject) }
}

async function without(member: keyof Subject<unknown>): Promise<MemorySubject> {
  const { [member]: _, ...rest } = await memorySubject()
  // What a caller in plain JavaScript, or one who forgot an optional member, hands in.
  return rest as MemorySubject
}

async function failures(makeSubject: () => Promise<MemorySubject>): Promise<Map<string, string>> {
  const report = await runConformance(makeSubject, { seed: 1, timeLimit: 5_000 })
  return new Map(
    report.laws.flatMap(result => (result.status === 'failed' ? [[result.law, result.error.message] as const] : [])),
  )
}

for (const claim of ['sharedStore', 'enforced', 'pooled', 'transactions'] as const) {
  it(`laws that need ${claim} are skipped with a reason when it is not claimed, and no others`, async () => {
    const unclaimed = () =>
      changed(({ isolation }) => ({
        isolation: { ...isolation, claims: { ...isolation.claims, [claim]: false } satisfies Claims },
      }))
    const report = await runConformance(unclaimed)
    expect(report.failed, formatReport(report)).toBe(0)
    const skipped = report.laws.filter(({ status }) => status === 'skipped').map(({ law }) => law)
    const left = laws.filter(law => law.claim === claim || law.claim === 'objects')
    expect(skipped).toEqual(left.map(({ name }) => name))
    expect(report.skipped).toBe(skipped.length)
    expect(formatReport(report)).toContain(`(skipped: memory does not claim ${claim})`)

    const { cases, close } = await conformance(unclaimed)
    for (const { name, law, skip, run } of cases.filter(({ skip }) => skip !== undefined)) {
      expect(skip).toBe(`memory does not claim ${law.claim}`)
      expect(name).toBe(`${law.name} (skipped: ${skip})`)
      await expect(run()).rejects.toThrow('Not run')
    }
    await close()
  })
}

it('a law whose needed member is missing fails, and says which', async () => {
  expect([...(await failures(() => without('faults')))]).toEqual([
    ['nothing stays on a connection after a timeout', expect.stringContaining('must have faults.timeout')],
    ['nothing stays on a connection after a disconnect', expect.stringContaining('must have faults.disconnect')],
  ])
  expect([...(await failures(() => without('refused')))]).toEqual([
    ['a note put as another tenant is refused', expect.stringContaining('must have refused')],
    ['a note moved to another tenant is refused', expect.stringContaining('must have refused')],
    ['a note of another tenant in bulk is refused', expect.stringContaining('must have refused')],
  ])
  const noUnit = await failures(() => without('unit'))
  const needUnit = laws.filter(law => law.claim === 'transactions' && law.ability === undefined).map(({ name }) => name)
  for (const name of needUnit) expect(noUnit.get(name)).toContain('must have unit')
})

it('a member of the outside that is missing fails its law', async () => {
  const bare = () => changed(({ outside: { statements, everything } }) => ({ outside: { statements, everything } }))
  const failed = await failures(bare)
  expect(failed.get('a connection without a tenant sees nothing')).toContain('must have outside.unscoped')
  const needResidue = laws.filter(({ claim, ability }) => claim === 'pooled' || ability === 'savepoint')
  for (const { name } of needResidue) expect(failed.get(name)).toContain('must have outside.residue')
  expect(failed.size).toBe(1 + needResidue.length)
})

it('verbs that write as another tenant are needed for a shared store', async () => {
  const failed = await failures(() =>
    changed(subject => ({
      notes(handle) {
        const { putAs: _, move: __, ...rest } = subject.notes(handle)
        return rest
      },
    })),
  )
  expect([...failed.keys()]).toEqual([
    'a note put as another tenant is refused',
    'a note moved to another tenant is refused',
  ])
})

it('an error that is no refusal of the store is not taken for one', async () => {
  const failed = await failures(() => changed(() => ({ refused: () => false })))
  expect(failed.get('a note put as another tenant is refused')).toContain('Not a refusal of the store')
})

it('a counter that does not count, and a fault that causes none, fail their laws', async () => {
  const idle = await failures(() => changed(({ outside }) => ({ outside: { ...outside, statements: async () => 0 } })))
  expect(idle.get('without a tenant nothing is sent')).toContain('does not count')
  const harmless = await failures(() =>
    changed(() => ({
      faults: { timeout: async () => undefined as never, disconnect: async () => undefined as never },
    })),
  )
  expect(harmless.get('nothing stays on a connection after a timeout')).toContain('must resolve to the error')
})

it('an isolation with one connection fails the interleaving law instead of hanging', async () => {
  const subject = await changed(() => ({ isolation: memoryIsolation({ connections: 1 }) }))
  const law = laws.find(({ name }) => name === 'interleaved units of work never meet')
  expect(law).toBeDefined()
  if (law !== undefined) {
    await expect(runLaw(law, subject, { seed: 1, timeLimit: 900 })).rejects.toThrow(
      'Only 1 units of work were open at once',
    )
  }
})

it('a report names the seed, which repeats the run', async () => {
  const report = await runConformance(memorySubject, { seed: 42 })
  expect(report.seed).toBe(42)
  expect(formatReport(report)).toContain('seed 42')
  const broken = await runConformance(() => memorySubject({ key: row => row.id }), { seed: 42 })
  expect(broken.failed).toBe(2)
  expect(formatReport(broken)).toMatch(/✗ the same id in two tenants is two notes .*\n {6}Broken: .*seed 42/)
})

it('more laws are just more entries', async () => {
  const report = await runConformance(memorySubject, {
    more: [{ name: 'never kept', claim: 'always', run: () => Promise.reject(new Error('no')) }],
  })
  expect(report.laws.at(-1)).toMatchObject({ law: 'never kept', status: 'failed' })
})
