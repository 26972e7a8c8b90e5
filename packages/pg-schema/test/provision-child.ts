// Run by provision.pg.test.ts, to be killed in the middle: provisions the tenant that it is sent.
import type { Tenant } from '@tenantry/core'
import pg from 'pg'
import { pgSchema } from '../src/index.ts'

interface Order {
  readonly tenant: Tenant
  readonly runtimeUrl: string
  readonly provisionerUrl: string
  readonly rolePrefix: string
}

process.once('message', async ({ tenant, runtimeUrl, provisionerUrl, rolePrefix }: Order) => {
  const pool = new pg.Pool({ connectionString: runtimeUrl })
  const provisioner = new pg.Pool({ connectionString: provisionerUrl })
  await Promise.all([pool.query('select 1'), provisioner.query('select 1')])
  const isolation = pgSchema({
    pool,
    provisioner,
    rolePrefix,
    structure: { by: 'template', versionTables: ['ledger'] },
  })
  process.send?.('begun')
  await isolation.provision(tenant)
})
