import type { Tenant } from '@tenantry/core'
import pg from 'pg'
import type { Deployment } from './open-deployment.ts'

/** What was looked up in the database itself, and what it must be. */
export interface Inside {
  readonly what: string
  readonly found: string
  readonly says: string
}

const count = 'select count(*)::int as count from configurations'

/**
 * The proof of the tutorial (A39, A40): one statement without a word of tenants, as a superuser, as each tenant, and as the role of the
 * application without Tenantry in between, which the seal lets name nobody.
 */
export async function lookInside(deployment: Deployment, tenant: Tenant): Promise<readonly Inside[]> {
  const { admin, platform, primary, runtimeUrl } = deployment
  const { tenancy, rows } = platform
  const within = async (one: Tenant) => String((await tenancy.run(one, () => rows.query(count))).rows[0]?.count)
  const raw = new pg.Client({ connectionString: runtimeUrl })
  await raw.connect()
  const tried = (text: string) =>
    raw.query(text).then(
      ({ rows: found }) => String(found[0]?.count),
      (error: { code: string }) => error.code,
    )
  try {
    return [
      { what: `superuser: ${count}`, found: String((await admin.query(count)).rows[0]?.count), says: '2501' },
      { what: 'the same, as primary', found: await within(primary), says: '2500' },
      { what: 'the same, as acme-eu', found: await within(tenant), says: '1' },
      { what: 'the same, as the role of the application', found: await tried(count), says: '0' },
      {
        what: 'the same, behind set tenantry.tenant_id',
        found: await tried(`set tenantry.tenant_id = '${tenant.id}'`).then(() => tried(count)),
        says: '42501',
      },
    ]
  } finally {
    await raw.end()
  }
}
