import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { describeHouse } from './support.ts'

const demo = fileURLToPath(new URL('../src/demo.ts', import.meta.url))

// It starts a process with two servers of its own.
const timeout = 120_000

describeHouse('the demo', (_house, server) => {
  it('P01 P21 P28 ends well, in two processes on Postgres and Redis', { timeout }, async () => {
    const args = ['--import', 'tsx', '-C', 'tenantry-source', demo, '--json']
    const { stdout } = await promisify(execFile)(process.execPath, args)
    const report = JSON.parse(stdout)
    expect(report.results.filter(({ asExpected }: { asExpected: boolean }) => !asExpected)).toEqual([])
    expect(report.failed).toBe(0)
    expect(report.results.length).toBeGreaterThan(55)
    expect(Number.parseInt(report.postgres, 10)).toBe(server.descriptor.major)
  })
})
