import { setTimeout as sleep } from 'node:timers/promises'
import { type CredentialSource, TenancyError, type Tenant } from '@tenantry/core'
import { describePostgres } from '@tenantry/servers/vitest'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { PgDatabase } from '../src/index.ts'
import { databaseIsolation, failureOf, type Ground, makeGround, silent, standing, tenantOn } from './support.ts'

describePostgres('a tenant that is suspended', server => {
  let ground: Ground
  let isolation: PgDatabase
  let fails = false
  let revocations = 0
  const events: unknown[] = []
  beforeAll(async () => {
    ground = await makeGround(server)
    const credentials: CredentialSource = {
      ...standing(),
      async revokeAll() {
        revocations += 1
        if (fails) throw new TenancyError('CREDENTIALS_UNAVAILABLE', { source: 'standing', reason: 'it is down' })
      },
    }
    const logger = { ...silent, error: ({ event }: { event?: unknown }) => void events.push(event) }
    isolation = databaseIsolation(ground, { credentials, logger: logger as never, connections: { drainTimeout: 10 } })
  })
  afterAll(async () => {
    await isolation?.close()
    await ground?.close()
  })

  const ask = (tenant: Tenant) => isolation.handle(() => tenant).query('select 1')

  it('is refused to those who know it from before, also when it has come back', async () => {
    const before = tenantOn(ground)
    await isolation.provision(before)
    await ask(before)
    await isolation.evict({ ...before, status: 'suspended', version: before.version + 1 })
    for (const version of [before.version, before.version + 1])
      expect(await failureOf(ask({ ...before, version }))).toMatchObject({ code: 'TENANT_SUSPENDED' })
    const now = { ...before, version: before.version + 2 }
    await ask(now)
    expect(await failureOf(ask(before))).toMatchObject({ code: 'TENANT_SUSPENDED' })
    const client = await isolation.handle(() => now).connect()
    // A late word of the suspension that is over ends nothing.
    expect(await failureOf(ask({ ...before, status: 'suspended', version: before.version + 1 }))).toMatchObject({
      code: 'TENANT_SUSPENDED',
    })
    await sleep(50)
    expect(revocations).toBe(1)
    await client.query('select 1')
    client.release()
    await isolation.deprovision(now)
  })

  it('is refused and reported, and nothing else, when its leases cannot be revoked', async () => {
    const tenant = tenantOn(ground)
    await isolation.provision(tenant)
    fails = true
    // An error that nobody waits for would end the process, and this test with it.
    expect(await failureOf(ask({ ...tenant, status: 'suspended' }))).toMatchObject({ code: 'TENANT_SUSPENDED' })
    await sleep(50)
    fails = false
    expect(events).toContain('pg-database.suspension')
    await isolation.deprovision(tenant)
  })
})
