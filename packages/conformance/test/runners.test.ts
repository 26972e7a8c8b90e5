import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, expect, it, test } from 'vitest'
import { conformance, laws, memorySubject, runConformance, skipReason } from '../src/index.ts'
import { mapSubject } from './fixtures/map-subject.ts'

const map = await mapSubject()
const skippedOfMap = laws.filter(law => skipReason(law, map) !== undefined).length

// vitest, with this file's own runner.
const { cases, close } = await conformance(memorySubject)
for (const { name, skip, run } of cases) (skip ? test.skip : test)(name, run)
afterAll(close)

it('runs under node:test', async () => {
  const file = fileURLToPath(new URL('./fixtures/node-test-suite.ts', import.meta.url))
  const args = ['--import', 'tsx', '-C', 'tenantry-source', '--test', '--test-reporter', 'tap', file]
  const env = { ...process.env, NODE_OPTIONS: '', NODE_TEST_CONTEXT: undefined }
  const { stdout } = await promisify(execFile)(process.execPath, args, { env })
  expect(stdout).toMatch(new RegExp(`^# pass ${laws.length - skippedOfMap}$`, 'm'))
  expect(stdout).toMatch(/^# fail 0$/m)
  expect(stdout).toMatch(new RegExp(`^# skipped ${skippedOfMap}$`, 'm'))
  expect(stdout).toContain('(skipped: map does not claim pooled) # SKIP')
})

it('runs under what has the shape of mocha', async () => {
  const started: (() => Promise<void>)[] = []
  const skipped: string[] = []
  // Mocha calls `done` for a function that takes an argument, so a case must take none.
  const mocha = Object.assign(
    (_name: string, run: () => Promise<void>) => {
      expect(run.length).toBe(0)
      started.push(run)
    },
    { skip: (name: string) => void skipped.push(name) },
  )
  const suite = await conformance(mapSubject)
  for (const { name, skip, run } of suite.cases) (skip ? mocha.skip : mocha)(name, run)
  for (const run of started) await run()
  await suite.close()
  expect(skipped.length).toBe(skippedOfMap)
  expect(started.length + skipped.length).toBe(laws.length)
})

it('runs with no runner at all', async () => {
  const report = await runConformance(mapSubject)
  expect([report.passed, report.failed, report.skipped]).toEqual([laws.length - skippedOfMap, 0, skippedOfMap])
})

it('the suite of the in-memory reference is one file of at most 60 lines, and runs', async () => {
  const file = fileURLToPath(new URL('./fixtures/memory-suite.ts', import.meta.url))
  expect(readFileSync(file, 'utf8').trimEnd().split('\n').length).toBeLessThanOrEqual(60)
  const args = ['--import', 'tsx', '-C', 'tenantry-source', '--test', '--test-reporter', 'tap', file]
  const env = { ...process.env, NODE_OPTIONS: '', NODE_TEST_CONTEXT: undefined }
  const { stdout } = await promisify(execFile)(process.execPath, args, { env })
  const left = laws.filter(({ claim, ability }) => claim === 'objects' || ability !== undefined).length
  expect(stdout).toMatch(/^# fail 0$/m)
  expect(stdout).toMatch(new RegExp(`^# pass ${laws.length - left}$`, 'm'))
  expect(stdout).toMatch(new RegExp(`^# skipped ${left}$`, 'm'))
})

it('the samples of the README are the fixtures that run here', () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')
  for (const name of ['map-subject.ts', 'node-test-suite.ts']) {
    const fixture = readFileSync(new URL(`./fixtures/${name}`, import.meta.url), 'utf8')
    expect(readme).toContain(`\`\`\`ts\n${fixture}\`\`\`\n`)
  }
  expect(readme.trimEnd().split('\n').length).toBeLessThanOrEqual(60)
})
