import assert from 'node:assert/strict'
import { describeMongo } from '@tenantry/servers/vitest'
import { it } from 'vitest'
import { mutants } from '../src/documents/mutants.ts'
import { storm } from '../src/documents/storm.ts'

// The storm starts a server of its own, as the environment says; the group is skipped where there can be none.
describeMongo('the storm over documents', () => {
  const size = { tenants: 50, workers: 64, seed: 1 }

  it('M1 M2 nothing of one tenant reaches another in 1,000 operations', async () => {
    const { tally, compared } = await storm({ ...size, operations: 1000 })
    assert.deepEqual(tally.problems, [])
    assert.equal(tally.operations, 1000)
    assert.ok(tally.rows > 500 && compared > 300, `${tally.rows} ${compared}`)
    assert.ok(tally.answered > 500, `${tally.answered}`)
  }, 120_000)

  it.for(Object.entries(mutants))('catches that %s', { timeout: 120_000 }, async ([, broken]) => {
    const { tally } = await storm({ ...size, operations: 4000, broken, bail: true })
    assert.ok(tally.problems.length > 0)
  })
})
