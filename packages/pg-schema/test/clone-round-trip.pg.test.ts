import { describePostgres } from '@tenantry/servers/vitest'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { catalogDump } from './clone-dump.ts'
import { findPgDump, pgDump } from './clone-pg-dump.ts'
import {
  type CloneDatabase,
  type Cloned,
  clone,
  cloneDatabase,
  makeFixture,
  target,
  template,
} from './clone-support.ts'

const versionTables = ['versions', 'old_versions']

describePostgres('a clone of everything', server => {
  let database: CloneDatabase
  let cloned: Cloned
  /** One dump as if of one schema and role. */
  let plain: (lines: readonly string[]) => readonly string[]

  beforeAll(async () => {
    database = await cloneDatabase(server)
    await makeFixture(database)
    cloned = await clone(database, { versionTables, role: database.tenant })
    const names = new RegExp(`${target}|${template}`, 'g')
    const roles = new RegExp(`${database.role}|${database.tenant}`, 'g')
    plain = lines => lines.map(line => line.replace(names, 'x_schema').replace(roles, 'x_role'))
  })
  afterAll(() => database.close())

  it('the fixture has at least 60 objects of all kinds', () => {
    const kinds = new Map<string, number>()
    for (const { kind } of cloned.plan.structure) kinds.set(kind, (kinds.get(kind) ?? 0) + 1)
    const parts = ['column', 'privileges', 'comment', 'not null', 'default privileges']
    const objects = [...kinds].filter(([kind]) => !parts.includes(kind)).reduce((sum, [, count]) => sum + count, 0)
    expect(objects).toBeGreaterThanOrEqual(60)
    expect([...kinds.keys()]).toEqual(
      expect.arrayContaining([
        ...[
          'table',
          'column',
          'check',
          'primary key',
          'unique',
          'exclusion',
          'foreign key',
          'index',
          'sequence',
          'view',
        ],
        ...['materialized view', 'function', 'procedure', 'trigger', 'rule', 'policy', 'statistics', 'enum', 'domain'],
        ...['composite type', 'range type', 'comment', 'privileges', 'default privileges'],
      ]),
    )
  })

  it('T15 is like the template, and nothing in it refers back', () => {
    expect(cloned.references).toEqual([])
    expect(cloned.differences).toEqual([])
  })

  it('T15 has a dump of the catalogues equal to the template', async () => {
    const wanted = plain(await catalogDump(database.admin, template))
    const found = plain(await catalogDump(database.admin, target))
    expect(wanted.length).toBeGreaterThan(800)
    expect([...found].sort()).toEqual([...wanted].sort())
  })

  describe('by pg_dump', () => {
    const program = findPgDump(server)
    it.skipIf('missing' in program)(
      `T15 has a dump equal to the template${'missing' in program ? ` [skipped: ${program.missing}]` : ''}`,
      async () => {
        const wanted = plain(await pgDump(program, database.adminUrl, template))
        const found = plain(await pgDump(program, database.adminUrl, target))
        expect(wanted.length).toBeGreaterThan(1500)
        expect(found).toEqual(wanted)
      },
    )
  })
})
