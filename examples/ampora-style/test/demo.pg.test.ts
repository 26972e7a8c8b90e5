import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describePostgres } from '@tenantry/servers/vitest'
import { expect, it } from 'vitest'

const demo = fileURLToPath(new URL('../src/demo.ts', import.meta.url))

// It starts a process with a server of its own.
const timeout = 120_000

describePostgres('the demo', server => {
  it('A33 A34 A41 A42 A48 a second tenant is onboarded from nothing to its first agent, and the time is told', {
    timeout,
  }, async () => {
    const args = ['--import', 'tsx', '-C', 'tenantry-source', demo, '--json']
    const { stdout } = await promisify(execFile)(process.execPath, args)
    const report = JSON.parse(stdout)
    expect(report.results.filter(({ asExpected }: { asExpected: boolean }) => !asExpected)).toEqual([])
    expect(report.failed).toBe(0)
    expect(report.results.length).toBeGreaterThan(50)
    expect(report.onboarding).toBeGreaterThan(0)
    expect(report.onboarding).toBeLessThan(20 * 60_000)
    expect(Number.parseInt(report.postgres, 10)).toBe(server.descriptor.major)
  })
})
