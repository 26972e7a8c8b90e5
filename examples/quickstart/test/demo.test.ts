import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'

const demo = fileURLToPath(new URL('../src/demo.ts', import.meta.url))
// It starts a process with a server of its own.
const timeout = 120_000

it('the demo ends well, and every query is one round trip', { timeout }, async () => {
  const args = ['--import', 'tsx', '-C', 'tenantry-source', demo, '--json']
  const { stdout } = await promisify(execFile)(process.execPath, args)
  const report = JSON.parse(stdout)
  expect(report.failed).toBe(0)
  expect(report.results).toHaveLength(17)
  expect(report.queries).toBeGreaterThan(10)
  expect(report.roundTrips).toBe(report.queries)
})
