import { describePostgres } from '@tenantry/servers/vitest'
import { describe, expect, it } from 'vitest'
import { brew } from '../src/brew.ts'
import { titleOf } from '../src/isolation-kind.ts'
import { database } from '../src/isolations/database/database.ts'
import { rls } from '../src/isolations/rls/rls.ts'
import { schema } from '../src/isolations/schema/schema.ts'
import { mutants } from '../src/mutants.ts'
import { chooserOf } from '../src/operations.ts'
import { createRandom } from '../src/random.ts'
import type { Operation } from '../src/turn.ts'

const seed = 20_260_731

/** Fewer than in a storm, where each costs time to make. */
const tenants = 60

/** A database for each takes longest. */
const tenantsOf = (kind: { readonly name: string }): number => (kind.name === 'database' ? 30 : tenants)

describePostgres(
  'a short storm',
  pg => {
    const route = pg.bouncer === undefined ? 'direct' : 'pgbouncer'
    for (const kind of route === 'direct'
      ? [rls('none'), rls('challenge'), schema, database]
      : [rls('stamp'), schema]) {
      it(`leaks nothing, ${titleOf(kind)}`, { timeout: 60_000 }, async () => {
        const { freshDatabase, namedStatements } = pg
        const report = await brew({
          freshDatabase,
          route,
          kind,
          tenants: tenantsOf(kind),
          namedStatements,
          seed,
          operations: 1500,
        })
        expect(report.problems).toEqual([])
        expect(report.operations).toBe(1500)
        expect(report.rowsChecked).toBeGreaterThan(3000)
        expect(Object.keys(report.errors)).toEqual(
          expect.arrayContaining([
            ...['42501', '42601', '57014', 'CONNECTION_LOST', 'QUERY_TIMEOUT', 'SCOPE_CLOSED'],
            ...(kind === schema ? ['TENANT_STORE_MISSING'] : []),
            ...(kind === database ? ['TENANT_SUSPENDED', 'PLACEMENT_INVALID'] : []),
          ]),
        )
      })
    }
  },
  { through: ['direct', 'pgbouncer'] },
)

describePostgres('what the storm must catch', pg => {
  for (const mutant of mutants) {
    const { name, what, kind } = mutant
    it(`${name}, ${titleOf(kind)}: ${what}`, { timeout: 60_000 }, async () => {
      const { freshDatabase } = pg
      const terms = {
        freshDatabase,
        route: 'direct',
        kind,
        tenants: tenantsOf(kind),
        namedStatements: true,
        seed,
        mutant,
      } as const
      const report = await brew({ ...terms, operations: 10_000, stopAtFirst: true })
      // Caught by what was read or written, not by an error that nobody expected.
      expect(report.problems.some(({ kind }) => kind !== 'unexpected')).toBe(true)
    })
  }
})

describe('the operations of a storm', () => {
  const operation = (name: string, share: number): Operation => ({ name, share, run: async () => undefined })

  it('have names of their own, by which a problem is found', () => {
    expect(() => chooserOf([operation('a', 50), operation('a', 50)])).toThrow('Two operations are named "a".')
  })

  it('have shares that are percentages', () => {
    expect(() => chooserOf([operation('a', 50), operation('b', 51)])).toThrow('101')
    const choose = chooserOf([operation('a', 20), operation('b', 80)])
    const chosen = Array.from({ length: 1000 }, (_, index) => choose(createRandom(1, index)).name)
    expect(chosen.filter(name => name === 'a').length).toBeGreaterThan(150)
    expect(chosen.filter(name => name === 'a').length).toBeLessThan(250)
  })
})
