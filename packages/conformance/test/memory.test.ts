import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { conformance, formatReport, laws, memorySubject, runConformance } from '../src/index.ts'

it('the reference isolation keeps every law', async () => {
  const report = await runConformance(memorySubject)
  expect(report.failed, formatReport(report)).toBe(0)
  expect(report.skipped).toBe(0)
  expect(report.passed).toBe(laws.length)
  expect(report.adapter).toBe('memory')
})

it('runs cases one after another, also when a runner starts them together', async () => {
  const { cases, close } = await conformance(memorySubject)
  await Promise.all([...cases, ...cases].map(({ run }) => run()))
  await close()
})

it('a subject is one file of at most 60 lines', () => {
  const source = readFileSync(new URL('../src/memory/memory-subject.ts', import.meta.url), 'utf8')
  expect(source.trimEnd().split('\n').length).toBeLessThanOrEqual(60)
})
