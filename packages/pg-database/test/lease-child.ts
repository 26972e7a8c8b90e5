// Run by postgres-leases.pg.test.ts, to be killed in the middle: issues leases until then.
import type { LoginTarget } from '@tenantry/core'
import pg from 'pg'
import { postgresLeases } from '../src/index.ts'

interface Order {
  readonly target: LoginTarget
  readonly brokerUrl: string
  readonly prefix: string
  readonly lifetime: number
}

process.once('message', async ({ target, brokerUrl, prefix, lifetime }: Order) => {
  const pool = new pg.Pool({ connectionString: brokerUrl, max: 4 })
  const leases = postgresLeases({ brokers: { [target.server]: pool }, prefix, lifetime })
  await leases.ready()
  process.send?.('begun')
  async function issueForever(): Promise<never> {
    for (;;) await leases.issue(target)
  }
  await Promise.all(Array.from({ length: 4 }, issueForever))
})
