import { randomBytes } from 'node:crypto'
import { describePostgres } from '@tenantry/servers/vitest'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { catalogDump } from './clone-dump.ts'
import { findPgDump, pgDump } from './clone-pg-dump.ts'
import { type CloneDatabase, cloneDatabase, connect, inTransaction, makeFixture, template } from './clone-support.ts'
import type { Mutation } from './mutations/mutation.ts'
import { mutations } from './mutations/mutations.ts'

// A dump that sees nothing finds every clone equal. So each change of the fixture is made, and both dumps must see it.
describePostgres('the dumps that clones are held against', server => {
  let database: CloneDatabase

  beforeAll(async () => {
    database = await cloneDatabase(server)
    await makeFixture(database)
  })
  afterAll(() => database.close())

  const sqlOf = ({ sql }: Mutation) =>
    sql.replaceAll(':schema', template).replaceAll(':reader', database.reader).replaceAll(':tenant', database.tenant)

  it(`the catalogue dump sees ${mutations.length} changes`, async () => {
    const { admin, ownerRole } = database
    const before = await catalogDump(admin, template)
    const unseen: string[] = []
    for (const mutation of mutations) {
      await admin.query(`begin; set local role ${ownerRole}; set local search_path = ${template}, pg_temp`)
      await admin.query(sqlOf(mutation))
      await admin.query('reset role')
      const after = await catalogDump(admin, template, 'savepoint')
      await admin.query('rollback')
      if (after.join('\n') === before.join('\n')) unseen.push(mutation.sql)
    }
    expect(unseen).toEqual([])
  })

  const program = findPgDump(server)
  // pg_dump sees what is committed, so that each change has a copy of the database.
  it.skipIf('missing' in program)(
    `pg_dump sees the same changes${'missing' in program ? ` [skipped: ${program.missing}]` : ''}`,
    { timeout: 300_000 },
    async () => {
      const before = (await pgDump(program, database.adminUrl, template)).join('\n')
      await database.owner.end()
      await database.admin.end()
      const server = await connect(new URL('/postgres', database.adminUrl).href)
      const unseen: string[] = []
      for (const mutation of mutations) {
        const copy = `${database.name}_${randomBytes(3).toString('hex')}`
        await server.query(`create database ${copy} template ${database.name} strategy file_copy`)
        try {
          const url = new URL(`/${copy}`, database.adminUrl).href
          const client = await connect(url)
          try {
            await inTransaction(client, async () => {
              await client.query(`set local role ${database.ownerRole}; set local search_path = ${template}, pg_temp`)
              await client.query(sqlOf(mutation))
            })
          } finally {
            await client.end()
          }
          if ((await pgDump(program, url, template)).join('\n') === before) unseen.push(mutation.sql)
        } finally {
          await server.query(`drop database ${copy} with (force)`)
        }
      }
      await server.end()
      expect(unseen).toEqual(mutations.filter(({ saidByRows }) => saidByRows).map(({ sql }) => sql))
    },
  )
})
