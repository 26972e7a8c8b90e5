import { describeRedis } from '@tenantry/servers/vitest'
import { expect, it } from 'vitest'
import { keyspaceStorm } from '../src/keyspace/keyspace-storm.ts'
import { keyspaceMutants } from '../src/keyspace/mutants.ts'
import { createKeyspaceWorld, type Mode } from '../src/keyspace/world.ts'

const seed = 20_261_122

describeRedis('a short storm of Redis', redis => {
  async function rage(
    mode: Mode,
    operations: number,
    more: { breakIt?: Parameters<typeof keyspaceStorm>[1]['breakIt'] } = {},
  ) {
    const world = await createKeyspaceWorld(redis.server.url, mode, 40)
    try {
      return await keyspaceStorm(world, { operations, seed, ...(more as object) })
    } finally {
      await world.close()
    }
  }

  it.each<Mode>(['shared', 'users'])(
    'C1 leaks nothing, %s; every command of the server is refused, or all its keys are a tenant’s',
    { timeout: 60_000 },
    async mode => {
      const report = await rage(mode, 2000)
      expect(report.problems).toEqual([])
      expect(report.commands.sent + report.commands.refused).toBeGreaterThan(300)
      expect(report.commands.sent).toBeGreaterThan(150)
      expect(report.keysChecked).toBeGreaterThan(1000)
      expect(Object.keys(report.errors)).toEqual(expect.arrayContaining(['STATEMENT_REFUSED', 'SCOPE_MISMATCH']))
    },
  )

  it.each(Object.entries(keyspaceMutants))('notices when %s', { timeout: 60_000 }, async (_, broken) => {
    const report = await rage('shared', 2000, { breakIt: broken() })
    // An answer that holds what is not the tenant's is refused: that is noticed as an error which nobody expects.
    expect(report.leaks + report.wrongAnswers + report.unexpectedErrors).toBeGreaterThan(0)
  })
})
