import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describePostgres } from '@tenantry/servers/vitest'
import { expect, it } from 'vitest'

const demo = fileURLToPath(new URL('../src/demo.ts', import.meta.url))

// It starts a process with three servers of its own.
const timeout = 120_000

describePostgres('the demo', server => {
  it('S22 ends well, on three servers', { timeout }, async () => {
    const args = ['--import', 'tsx', '-C', 'tenantry-source', demo, '--json']
    const { stdout, stderr } = await promisify(execFile)(process.execPath, args)
    const report = JSON.parse(stdout)
    expect(report.failed).toBe(0)
    expect(report.results).toHaveLength(44)
    expect(stderr.match(/PostgreSQL .* ready/g)).toHaveLength(3)
    expect(report.metrics.leases).toMatchObject({ renewalsFailed: 0, revocationsFailed: 0 })
    expect(Number.parseInt(report.postgres, 10)).toBe(server.descriptor.major)
  })
})
