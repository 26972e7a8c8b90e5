import { expect, it } from 'vitest'
import { type Ability, laws, memorySubject, runConformance } from '../src/index.ts'

const whole = await memorySubject()
const abilities = Object.keys(whole.more ?? {}) as Ability[]

it('every ability has a law, and every law of one an ability', () => {
  const used = new Set(laws.flatMap(({ ability }) => ability ?? []))
  expect([...used].sort()).toEqual([...abilities].sort())
})

it('what a store cannot do is skipped by name, with its reason', async () => {
  const report = await runConformance(async () => {
    const { more, ...subject } = await memorySubject()
    return more === undefined ? subject : { ...subject, more: { ...more, copy: { cannot: 'it has no such command' } } }
  })
  expect(report.laws.filter(({ law }) => law === 'reading much at once never crosses tenants')).toEqual([
    expect.objectContaining({ status: 'skipped', reason: 'memory has no copy: it has no such command' }),
  ])
  expect(report.skipped).toBe(1 + laws.filter(({ claim }) => claim === 'objects').length)
})

it('a subject that says nothing of abilities has the laws skipped, which the report says', async () => {
  const report = await runConformance(async () => {
    const { more: _, ...subject } = await memorySubject()
    return subject
  })
  expect(report.failed).toBe(0)
  const skipped = report.laws.filter(({ status }) => status === 'skipped').map(({ law }) => law)
  const left = laws.filter(({ claim, ability }) => claim === 'objects' || ability !== undefined)
  expect(skipped).toEqual(left.map(({ name }) => name))
  expect(JSON.stringify(report)).toContain('the subject of memory says nothing of upsert')
})

it('an ability that is neither there nor excused fails its law', async () => {
  const report = await runConformance(async () => {
    const { more, ...subject } = await memorySubject()
    const { join: _, ...rest } = more ?? {}
    // What a caller in plain JavaScript, or one of an older version, hands in.
    return { ...subject, more: rest as NonNullable<typeof more> }
  })
  const [join] = report.laws.filter(({ status }) => status === 'failed')
  expect(join).toMatchObject({ law: 'a join never crosses tenants' })
  expect(join?.status === 'failed' && join.error.message).toContain('must have join, or say why it cannot')
})
