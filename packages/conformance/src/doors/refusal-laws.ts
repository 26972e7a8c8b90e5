import assert from 'node:assert/strict'
import type { Tenant } from '@tenantry/core'
import type { DoorBench, Visit } from './door-bench.ts'
import { type DoorLaw, doorLaw } from './door-law.ts'

// A tenant is served before, so that a door which falls back on the last one has one; and with a body, which nobody may parse.
async function reachesNothing(
  bench: DoorBench,
  status: number,
  to: Tenant | string,
  more: Partial<Visit> = {},
): Promise<void> {
  const { a, b, visit, refused, where } = bench
  assert.equal((await visit(a, { handle: async () => where() })).text, a.slug)
  await refused(status, to, more)
  await refused(status, to, { route: 'parsed', send: write => write('{ malformed'), ...more })
  assert.equal((await visit(b, { handle: async () => where() })).text, b.slug)
}

/** What is refused reaches no parser and no handler, and is answered by the door. */
export const doorRefusalLaws: readonly DoorLaw[] = [
  doorLaw('an unknown tenant is refused', bench => reachesNothing(bench, 404, 'nobody.example.test')),

  doorLaw('a suspended tenant is refused', bench => reachesNothing(bench, 403, bench.tenant('suspended'))),

  doorLaw('a request without a tenant is refused', bench => reachesNothing(bench, 400, 'example.test')),

  doorLaw('a request of two tenants is refused', bench =>
    reachesNothing(bench, 403, bench.a, { path: `/t/${bench.b.slug}` }),
  ),

  doorLaw('an archived tenant is answered as one that never was', async ({ tenant, refused }) => {
    const [never, archived] = [await refused(404, 'never.example.test'), await refused(404, tenant('archived'))]
    assert.equal(archived.text, never.text)
    const { date: _, ...headers } = archived.headers
    const { date: __, ...same } = never.headers
    assert.deepEqual(headers, same)
  }),
]
