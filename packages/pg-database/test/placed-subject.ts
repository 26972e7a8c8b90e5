import type { Subject } from '@tenantry/conformance'
import { tenantDigest } from '@tenantry/core'
import { placed, type TenantPool } from '@tenantry/pg'
import { abilities, notesOf } from '@tenantry/pg-subject'
import type { PostgresForTests } from '@tenantry/servers/vitest'
import { rlsSubject } from '../../pg-rls/test/rls-subject.ts'
import { schemaSubject } from '../../pg-schema/test/schema-subject.ts'
import { databaseSubject } from './database-subject.ts'
import type { AnyServer } from './support.ts'

type Manifest = NonNullable<Subject<TenantPool>['more']>

const levels = ['row', 'schema', 'database'] as const

/** Tenants of all three levels in one application; which one is a tenant's, its id says. */
export async function placedSubject(server: PostgresForTests, other: AnyServer): Promise<Subject<TenantPool>> {
  const row = await rlsSubject(server)
  const schema = await schemaSubject(server)
  const database = await databaseSubject([server, other])
  const subjects = [row, schema, database]
  const isolation = placed({ row: row.isolation, schema: schema.isolation, database: database.isolation })
  const second = async () => {
    const [ofRow, ofSchema, ofDatabase] = await Promise.all(
      subjects.map(({ more }) => ((more as Manifest).second as () => Promise<Subject<TenantPool>['isolation']>)()),
    )
    return placed({ row: ofRow, schema: ofSchema, database: ofDatabase } as Parameters<typeof placed>[0])
  }
  return {
    ...row,
    isolation,
    server: 'all levels',
    notes: handle => notesOf(handle.query),
    placement(id) {
      const level = levels[tenantDigest(id).charCodeAt(3) % levels.length] as (typeof levels)[number]
      return { ...(level === 'database' ? database.placement?.(id) : {}), isolation: level }
    },
    outside: {
      statements: async () =>
        (await Promise.all(subjects.map(({ outside }) => outside.statements()))).reduce((all, one) => all + one),
      everything: async () => (await Promise.all(subjects.map(({ outside }) => outside.everything()))).flat(),
      unscoped: async () => (await Promise.all(subjects.map(({ outside }) => outside.unscoped?.() ?? []))).flat(),
      residue: async () => (await Promise.all([row, schema].map(({ outside }) => outside.residue?.() ?? []))).flat(),
    },
    more: {
      ...(row.more as Manifest),
      ...upsertOf(),
      bulk: async ({ query }, notes) =>
        void (await query('insert into notes (id, text) select * from unnest($1::uuid[], $2::text[])', [
          notes.map(({ id }) => id),
          notes.map(({ text }) => text),
        ])),
      // These look for the connection on all servers.
      cancel: (database.more as Manifest).cancel,
      kill: (database.more as Manifest).kill,
      // The owner of a database may make temporary tables: not in every way is there something to be refused.
      temporary: ({ query }) => [
        () => query('create temp table notes (id uuid, text text)'),
        () => query('select 1 as id into temp stray'),
      ],
      setting: ({ query }) => [
        () => query('set statement_timeout = 12345'),
        () => query(`select set_config('search_path', 'pg_catalog', false)`),
        () => query(`select set_config('app.stray', 'x', false)`),
      ],
      second,
    },
    async close() {
      for (const subject of subjects) await subject.close()
    },
  }
}

/** The key differs between the levels, its name does not. */
function upsertOf() {
  const { upsert } = abilities({} as never, {
    conflict: 'on constraint notes_pkey',
    settings: [],
    bulk: { cannot: 'it is not asked' },
    second: async () => {
      throw new Error('It is not asked.')
    },
  })
  return { upsert }
}
