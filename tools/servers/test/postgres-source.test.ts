import assert from 'node:assert/strict'
import { it } from 'vitest'
import { debianPostgres, startPostgres } from '../src/index.ts'
import { sourceFromEnv } from '../src/postgres/postgres-source.ts'

const url = 'postgresql://postgres:hunter2@db.example:5433/postgres'

it('prefers a running server over a version, and a version over nothing', () => {
  assert.deepEqual(sourceFromEnv({ TENANTRY_PG_URL: url, TENANTRY_PG: '15' }), { kind: 'url', url })
  assert.deepEqual(sourceFromEnv({ TENANTRY_PG_URL: '', TENANTRY_PG: '15' }), { kind: 'debian', major: 15 })
  assert.equal(sourceFromEnv({}), undefined)
})

it('names the malformed variable and keeps its value to itself when that may hold a password', () => {
  assert.throws(() => sourceFromEnv({ TENANTRY_PG: 'fifteen' }), /TENANTRY_PG must be .*"fifteen"/)
  assert.throws(
    () => sourceFromEnv({ TENANTRY_PG_URL: 'hunter2@db.example' }),
    (error: Error) => /TENANTRY_PG_URL must be/.test(error.message) && !error.message.includes('hunter2'),
  )
})

it('says what to install when a version is missing', async () => {
  assert.equal(debianPostgres(11), undefined)
  await assert.rejects(startPostgres({ env: { TENANTRY_PG: '11' } }), /No PostgreSQL 11 .*install postgresql-11/)
})
