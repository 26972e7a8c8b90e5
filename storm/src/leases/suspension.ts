import { setTimeout as sleep } from 'node:timers/promises'
import type { Credentials, Tenant } from '@tenantry/core'
import type { PgDatabase } from '@tenantry/pg-database'
import pg from 'pg'
import { errorCode } from '../error-code.ts'
import type { Estate } from '../isolations/database/estate.ts'

/** What a suspension needs to know. */
export interface SuspensionTerms {
  readonly estate: Estate
  readonly isolation: PgDatabase
  readonly tenant: Tenant
  /** The login that the tenant has now, in the hands of somebody else. */
  readonly stolen: Credentials
  complain(problem: string): void
}

/** Milliseconds within which a revoked login must be dead. */
const deadWithin = 5_000

/** Suspends a tenant, whose login somebody has stolen. Resolves with the milliseconds until that was of no use any more. */
export async function suspend({ estate, isolation, tenant, stolen, complain }: SuspensionTerms): Promise<number> {
  const open = await logIn(estate, tenant, stolen)
  const begun = performance.now()
  const suspending = isolation.evict({ ...tenant, status: 'suspended', version: tenant.version + 1 })
  const refused = await isolation
    .handle(() => tenant)
    .query('select 1')
    .then(() => 'it was served', errorCode)
  if (refused !== 'TENANT_SUSPENDED') complain(`${tenant.id} was suspended, and then: ${refused}`)
  await untilDead(open)
  await untilRefused(estate, tenant, stolen)
  const took = performance.now() - begun
  if (took > deadWithin) complain(`the login of ${tenant.id} lived on for ${Math.round(took)} ms`)
  await suspending
  return took
}

async function logIn(estate: Estate, tenant: Tenant, { username: user, password }: Credentials): Promise<pg.Client> {
  const { database } = tenant.placement
  const client = new pg.Client({
    ...estate.at(tenant).server,
    database: `${database}`,
    user,
    password: password.reveal(),
  })
  client.on('error', () => undefined)
  await client.connect()
  return client
}

/** Until a session that was open is gone. */
async function untilDead(client: pg.Client): Promise<void> {
  for (const end = performance.now() + 2 * deadWithin; performance.now() < end; await sleep(50)) {
    const alive = await client.query('select tag from notes').then(
      () => true,
      () => false,
    )
    if (!alive) return
  }
  await client.end()
}

/** Until nobody can log in with it. */
async function untilRefused(estate: Estate, tenant: Tenant, stolen: Credentials): Promise<void> {
  for (const end = performance.now() + 2 * deadWithin; performance.now() < end; await sleep(50)) {
    try {
      const client = await logIn(estate, tenant, stolen)
      await client.end()
    } catch (error) {
      if (/^28/.test(errorCode(error))) return
      throw error
    }
  }
}
