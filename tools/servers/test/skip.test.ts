import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { it } from 'vitest'

const vitest = join(createRequire(import.meta.url).resolve('vitest/package.json'), '../vitest.mjs')
const run = (env: Record<string, string>, file = 'roles') => {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [vitest, 'run', '--project', 'postgres', '--reporter', 'json', `tools/servers/test/${file}.pg.test.ts`],
    {
      cwd: join(import.meta.dirname, '../../..'),
      // Nothing of the vitest that runs this test; no Debian has packaged version 11 for years.
      env: { PATH: process.env.PATH, TENANTRY_PG: '11', ...env },
      encoding: 'utf8',
    },
  )
  return { status, stdout, stderr }
}

it('skips every test without a server, says why in its name, and passes none', () => {
  const { status, stdout, stderr } = run({})
  assert.equal(status, 0)
  assert.match(stderr, /project "postgres" is SKIPPED\. No PostgreSQL 11/)
  const report = JSON.parse(stdout)
  assert.equal(report.numPassedTests, 0)
  assert.ok(report.numPendingTests > 5)
  assert.equal(report.numPendingTests, report.numTotalTests)
  assert.match(stdout, /roles \[skipped: No PostgreSQL 11 /)
})

it('fails without a server when one is required', () => {
  const { status, stderr } = run({ TENANTRY_REQUIRE_PG: '1' })
  assert.notEqual(status, 0)
  assert.match(stderr, /No PostgreSQL 11/)
})

it('skips what goes through a missing PgBouncer, runs the rest, and fails when it is required', () => {
  const missing = { TENANTRY_PG: '', TENANTRY_PGBOUNCER: '/nonexistent/pgbouncer' }
  const { status, stdout, stderr } = run(missing, 'fault-proxy')
  assert.equal(status, 0, stderr)
  assert.match(stderr, /SKIPS what goes through PgBouncer\. No PgBouncer at \/nonexistent\/pgbouncer/)
  const report = JSON.parse(stdout)
  assert.equal(report.numPendingTests, report.numPassedTests)
  assert.match(stdout, /\[through PgBouncer\] \[skipped: No PgBouncer at /)

  const required = run({ ...missing, TENANTRY_REQUIRE_PGBOUNCER: '1' }, 'fault-proxy')
  assert.notEqual(required.status, 0)
  assert.match(required.stderr, /No PgBouncer at \/nonexistent/)
})
