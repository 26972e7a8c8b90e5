import { describePostgres } from '@tenantry/servers/vitest'
import { describe, expect, it } from 'vitest'
import { brew } from '../src/brew.ts'
import { mutants } from '../src/mutants.ts'
import { operationNames } from '../src/storm.ts'

const seed = 20_260_731

describePostgres(
  'a short storm',
  pg => {
    const route = pg.bouncer === undefined ? 'direct' : 'pgbouncer'
    for (const seal of route === 'direct' ? (['none', 'challenge'] as const) : (['stamp'] as const)) {
      it(`leaks nothing, seal ${seal}`, { timeout: 60_000 }, async () => {
        const { freshDatabase, namedStatements } = pg
        const report = await brew({ freshDatabase, route, seal, namedStatements, seed, operations: 1500 })
        expect(report.problems).toEqual([])
        expect(report.operations).toBe(1500)
        expect(report.rowsChecked).toBeGreaterThan(3000)
        expect(Object.keys(report.errors)).toEqual(
          expect.arrayContaining(['42501', '42601', '57014', 'CONNECTION_LOST', 'QUERY_TIMEOUT', 'SCOPE_CLOSED']),
        )
      })
    }
  },
  { through: ['direct', 'pgbouncer'] },
)

describePostgres('what the storm must catch', pg => {
  for (const mutant of mutants) {
    it(`${mutant.name}: ${mutant.what}`, { timeout: 60_000 }, async () => {
      const { freshDatabase } = pg
      const { seal } = mutant
      const terms = { freshDatabase, route: 'direct', seal, namedStatements: true, seed, mutant } as const
      const report = await brew({ ...terms, operations: 10_000, stopAtFirst: true })
      // Caught by what was read or written, not by an error that nobody expected.
      expect(report.problems.some(({ kind }) => kind !== 'unexpected')).toBe(true)
    })
  }
})

describe('the operations of a storm', () => {
  it('have names of their own, by which a problem is found', () => {
    expect(new Set(operationNames).size).toBe(operationNames.length)
  })
})
