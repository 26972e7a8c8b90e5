import assert from 'node:assert/strict'
import type { Tenant } from '@tenantry/core'
import type { DoorBench, Visit } from './door-bench.ts'

/** Two tenants at once, each answered with where its code ran: never anywhere but as its own tenant. */
export async function both(bench: DoorBench, visitOf: (own: Tenant) => Visit): Promise<void> {
  const own = [bench.a, bench.b]
  const answers = await Promise.all(own.map(tenant => bench.visit(tenant, visitOf(tenant))))
  for (const [at, { text }] of answers.entries()) {
    const found = [...new Set(text.replaceAll('.', '').split(' ').filter(Boolean))]
    assert.deepEqual(found, [own[at]?.slug], `Part of the request ran as ${found.join(', ')}.`)
  }
}
