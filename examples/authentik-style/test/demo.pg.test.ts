import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describePostgres } from '@tenantry/servers/vitest'
import { expect, it } from 'vitest'

const demo = fileURLToPath(new URL('../src/demo.ts', import.meta.url))

// It starts a process with a server of its own.
const timeout = 120_000

describePostgres('the demo', server => {
  it('ends well, with a schema and a folder for every tenant', { timeout }, async () => {
    const args = ['--import', 'tsx', '-C', 'tenantry-source', demo, '--json']
    const { stdout } = await promisify(execFile)(process.execPath, args)
    const report = JSON.parse(stdout)
    expect(report.failed).toBe(0)
    expect(report.results).toHaveLength(35)
    expect(report.schemas).toEqual(['public', 't_example', 'template', 'tenancy'])
    expect(report.folders).toEqual(['public', 't_example'])
    expect(Number.parseInt(report.postgres, 10)).toBe(server.descriptor.major)
  })
})
