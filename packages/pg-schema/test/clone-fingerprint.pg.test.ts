import { describePostgres } from '@tenantry/servers/vitest'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { templateFingerprint } from '../src/clone/fingerprint.ts'
import {
  type CloneDatabase,
  cloneDatabase,
  connect,
  inTransaction,
  makeFixture,
  queryOf,
  template,
} from './clone-support.ts'
import { mutations } from './mutations/mutations.ts'

describePostgres('templateFingerprint', server => {
  let database: CloneDatabase
  const fingerprint = () => templateFingerprint(database.query, template)

  beforeAll(async () => {
    database = await cloneDatabase(server)
    await makeFixture(database)
  })
  afterAll(() => database.close())

  it('is none where there is no such schema', async () => {
    expect(await templateFingerprint(database.query, 'nowhere')).toBeUndefined()
  })

  it(`is another after each of ${mutations.length} changes, and the same after they are undone`, async () => {
    const { owner, reader, tenant } = database
    const before = await fingerprint()
    const unseen: string[] = []
    for (const { sql } of mutations) {
      await owner.query(`begin; set local search_path = ${template}, pg_temp`)
      await owner.query(sql.replaceAll(':schema', template).replaceAll(':reader', reader).replaceAll(':tenant', tenant))
      if ((await fingerprint()) === before) unseen.push(sql)
      await owner.query('rollback')
      if ((await fingerprint()) !== before) unseen.push(`rollback of ${sql}`)
    }
    expect(unseen).toEqual([])
  })

  it('is another after each of two changes in one transaction', async () => {
    const { owner } = database
    await owner.query(`begin; set local search_path = ${template}, pg_temp`)
    const seen = [await fingerprint()]
    for (const size of [31, 32, 33]) {
      await owner.query(`alter table journal set (fillfactor = ${size})`)
      seen.push(await fingerprint())
    }
    await owner.query('rollback')
    expect(new Set(seen).size).toBe(4)
  })

  // One thing at a time: a role that stands in several places would be seen in any one of them.
  it.each([
    'grant select on :schema.journal to :named',
    'grant select (at) on :schema.journal to :named',
    'grant usage on type :schema.address to :named',
    'grant execute on function :schema.secret() to :named',
    'grant usage on schema :schema to :named',
    'alter policy mine on :schema.orders to :named',
    'alter default privileges in schema :schema grant usage on types to :named',
    'alter default privileges grant select on tables to :named',
  ])('is another when a role has another name: %s', async grant => {
    const { admin, name } = database
    const ask = () => templateFingerprint(queryOf(admin), template)
    const [before, after] = await inTransaction(
      admin,
      async () => {
        await admin.query(`create role ${name}_named`)
        await admin.query(grant.replace(':schema', template).replace(':named', `${name}_named`))
        const before = await ask()
        await admin.query(`alter role ${name}_named rename to ${name}_renamed`)
        return [before, await ask()]
      },
      'rollback',
    )
    expect(after).not.toBe(before)
  })

  it('is another when an extension moves, and when new objects get other privileges at first', async () => {
    const { admin, owner, reader } = database
    const seen = [await fingerprint()]
    await admin.query('create schema elsewhere; alter extension citext set schema elsewhere')
    seen.push(await fingerprint())
    await owner.query(`alter default privileges grant select on tables to ${reader}`)
    seen.push(await fingerprint())
    await admin.query('alter extension citext set schema ext; drop schema elsewhere')
    await owner.query(`alter default privileges revoke select on tables from ${reader}`)
    expect(new Set(seen).size).toBe(3)
  })

  it('stays the same with rows, VACUUM, ANALYZE, other schemas, and from one connection to another', async () => {
    const { owner, admin, ownerUrl } = database
    const before = await fingerprint()
    await owner.query(`insert into ${template}.journal (what) select g::text from generate_series(1, 5000) g`)
    await owner.query(`update ${template}.customers set notes = repeat('x', 5000)`)
    await owner.query(`select nextval('${template}.plain_seq'), setval('${template}.odd_seq', -3)`)
    await owner.query(`delete from ${template}.journal where id % 3 = 0`)
    expect(await fingerprint()).toBe(before)
    await owner.query('analyze')
    await owner.query(`vacuum ${template}.journal, ${template}.customers`)
    for (const statement of ['vacuum', 'vacuum freeze', 'analyze', 'vacuum analyze']) {
      await admin.query(`${statement} pg_catalog.pg_class`)
      await admin.query(statement)
      expect(await fingerprint(), statement).toBe(before)
    }
    await owner.query(
      'create schema another; create table another.t (id int primary key); comment on table another.t is $$x$$',
    )
    expect(await fingerprint()).toBe(before)
    const second = await connect(ownerUrl)
    await second.query(`set search_path = another, pg_catalog; set timezone = 'Asia/Tokyo'; set datestyle = 'SQL, DMY'`)
    expect(await templateFingerprint((text, values) => second.query(text, [...(values ?? [])]), template)).toBe(before)
    await second.end()
  })

  it('looks up what it needs and reads no catalogue from end to end', async () => {
    const { owner } = database
    const texts: string[] = []
    await templateFingerprint((text, values) => {
      texts.push(text)
      return database.query(text, values)
    }, template)
    expect(texts).toHaveLength(1)
    await owner.query(
      'begin; set local enable_seqscan = off; set local enable_hashjoin = off; set local enable_mergejoin = off',
    )
    const { rows } = await owner.query(`explain ${texts[0]}`, [template])
    await owner.query('rollback')
    const scans = rows.flatMap(row => [...row['QUERY PLAN'].matchAll(/Seq Scan on (pg_\w+)/g)].map(([, name]) => name))
    // As long as there are extensions, however many tenants.
    expect([...new Set(scans)].sort()).toEqual(['pg_extension'])
  })
})
