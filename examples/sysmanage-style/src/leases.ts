import type { CredentialSource, Logger, SecretSource } from '@tenantry/core'
import { openbaoLeases } from '@tenantry/openbao'
import { postgresLeases } from '@tenantry/pg-database'
import type pg from 'pg'
import type { Pools } from './open-pool.ts'
import type { Settings } from './settings.ts'

/** What makes the logins of tenants needs. */
export interface LeaseTerms {
  readonly settings: Settings
  readonly secrets: SecretSource
  readonly pools: Pools
  readonly logger: Logger
}

/** Logins that end by themselves: from OpenBAO where one is configured, else from a role on each server. */
export async function leases({ settings, secrets, pools, logger }: LeaseTerms): Promise<CredentialSource> {
  const { servers = {}, vault } = settings
  if (vault === undefined) {
    const brokers: Record<string, pg.Pool> = {}
    for (const [name, { host, port = 5432, broker }] of Object.entries(servers))
      brokers[name] = await pools.open({ host, port, ...broker, name: broker.database ?? 'postgres' }, 2)
    return postgresLeases({ brokers, lifetime: 60_000, sweepEvery: 10_000, logger })
  }
  const known = await Promise.all(
    Object.entries(servers).map(async ([name, { host, port = 5432, broker }]) => {
      const { user: username, database = 'postgres' } = broker
      const password = await secrets(broker.password)
      const sslmode = host === '127.0.0.1' ? ('disable' as const) : ('verify-full' as const)
      return [name, { host, port, username, password, database, sslmode }] as const
    }),
  )
  return openbaoLeases({
    ...{ address: vault.url, allowInsecure: vault.url.startsWith('http://127.0.0.1'), logger },
    auth: { token: await secrets(vault.token) },
    servers: Object.fromEntries(known),
    lifetime: 60_000,
  })
}
