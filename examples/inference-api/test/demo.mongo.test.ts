import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { describeStores } from './support.ts'

const demo = fileURLToPath(new URL('../src/demo.ts', import.meta.url))

// It starts a process with three servers of its own.
const timeout = 120_000

describeStores('the demo', house => {
  it('I01 I46 ends well, on two servers of Redis and one of MongoDB', { timeout }, async () => {
    const args = ['--import', 'tsx', '-C', 'tenantry-source', demo, '--json']
    const { stdout } = await promisify(execFile)(process.execPath, args)
    const report = JSON.parse(stdout)
    expect(report.results.filter(({ asExpected }: { asExpected: boolean }) => !asExpected)).toEqual([])
    expect(report.failed).toBe(0)
    expect(report.results).toHaveLength(54)
    expect(report.mongo).toBe(house.mongo.label)
  })
})
