import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { conformance, formatReport, laws, memorySubject, runConformance, spaceSubject } from '../src/index.ts'

it('the reference isolation keeps every law', async () => {
  const report = await runConformance(memorySubject)
  expect(report.failed, formatReport(report)).toBe(0)
  const rest = report.laws.filter(({ status }) => status === 'skipped').map(({ law }) => law)
  expect(rest).toEqual(laws.filter(({ claim }) => claim === 'objects').map(({ name }) => name))
  expect(report.adapter).toBe('memory')
})

it('runs cases one after another, also when a runner starts them together', async () => {
  const { cases, close } = await conformance(memorySubject)
  await Promise.all([...cases, ...cases].flatMap(({ skip, run }) => (skip === undefined ? [run()] : [])))
  await close()
})

it('the reference isolation of objects keeps the laws that the other cannot be asked, and its own', async () => {
  const report = await runConformance(spaceSubject)
  expect(report.failed, formatReport(report)).toBe(0)
  const passed = report.laws.filter(({ status }) => status === 'passed').map(({ law }) => law)
  const ofObjects = laws.filter(({ claim }) => claim === 'objects').map(({ name }) => name)
  expect(passed).toEqual(expect.arrayContaining(ofObjects))
})

it('a subject is one file of at most 60 lines', () => {
  const source = readFileSync(new URL('../src/memory/memory-subject.ts', import.meta.url), 'utf8')
  expect(source.trimEnd().split('\n').length).toBeLessThanOrEqual(60)
})
