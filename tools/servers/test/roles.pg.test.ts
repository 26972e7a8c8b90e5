import assert from 'node:assert/strict'
import { Client } from 'pg'
import { beforeAll, it } from 'vitest'
import { connectPostgres, type FreshDatabase } from '../src/index.ts'
import { describePostgres } from '../src/vitest/index.ts'

const query = async (url: string, sql: string) => {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query(sql)).rows
  } finally {
    await client.end()
  }
}
const denied = { code: '42501' }

describePostgres('roles', pg => {
  let database: FreshDatabase
  beforeAll(async () => {
    database = await pg.freshDatabase()
  })

  it('are both neither superuser nor exempt from row-level security', async () => {
    for (const url of [database.ownerUrl, database.runtimeUrl]) {
      const rows = await query(
        url,
        `select rolsuper, rolbypassrls, rolcreatedb, rolcreaterole, rolreplication from pg_roles where rolname = current_user`,
      )
      assert.deepEqual(rows, [
        { rolsuper: false, rolbypassrls: false, rolcreatedb: false, rolcreaterole: false, rolreplication: false },
      ])
    }
  })

  it('log in as who they say', async () => {
    assert.deepEqual(await query(database.ownerUrl, 'select current_user::text as me'), [{ me: database.ownerRole }])
    assert.deepEqual(await query(database.runtimeUrl, 'select current_user::text as me'), [
      { me: database.runtimeRole },
    ])
  })

  it('let the runtime role own nothing and belong to nobody', async () => {
    const rows = await query(
      database.adminUrl,
      `select (select count(*)::int from pg_shdepend d join pg_roles r on d.refobjid = r.oid
               where d.deptype = 'o' and r.rolname = '${database.runtimeRole}') as owned,
              -- Other tests make roles for tenants of their databases, which begin as those do.
              (select count(*)::int from pg_auth_members m join pg_roles r on m.member = r.oid join pg_roles g on g.oid = m.roleid
               where r.rolname = '${database.runtimeRole}' and not starts_with(g.rolname, '${pg.descriptor.prefix}')) as memberships`,
    )
    assert.deepEqual(rows, [{ owned: 0, memberships: 0 }])
  })

  it('let the runtime role create nothing', async () => {
    await assert.rejects(query(database.runtimeUrl, 'create table public.t (id int)'), denied)
    await assert.rejects(query(database.runtimeUrl, 'create temporary table t (id int)'), denied)
    await assert.rejects(query(database.runtimeUrl, 'create schema s'), denied)
  })

  it('let the owner migrate, and the runtime role see only what is granted', async () => {
    await query(database.ownerUrl, `create table notes (id int); insert into notes values (1)`)
    await assert.rejects(query(database.runtimeUrl, 'select id from notes'), denied)
    await query(database.ownerUrl, `grant select on notes to ${database.runtimeRole}`)
    assert.deepEqual(await query(database.runtimeUrl, 'select id from notes'), [{ id: 1 }])
  })

  it('keep everyone out of the template', async () => {
    const url = database.adminUrl.replace(database.name, pg.descriptor.template)
    await assert.rejects(query(url, 'select 1'), { code: '55000' })
  })
})

describePostgres('fresh databases', pg => {
  it('are separate, also when made at once and by another process', async () => {
    const elsewhere = connectPostgres(JSON.parse(JSON.stringify(pg.descriptor)))
    const [a, b, c] = await Promise.all([pg.freshDatabase(), pg.freshDatabase(), elsewhere.freshDatabase()])
    assert.equal(new Set([a.name, b.name, c.name]).size, 3)
    await query(a.ownerUrl, 'create table only_in_a (id int)')
    const find = `select to_regclass('only_in_a') is not null as found`
    assert.deepEqual(await query(a.ownerUrl, find), [{ found: true }])
    assert.deepEqual(await query(b.ownerUrl, find), [{ found: false }])
    assert.deepEqual(await query(c.ownerUrl, find), [{ found: false }])
    await c.drop()
  })

  it('cost milliseconds', async () => {
    const begun = performance.now()
    for (let i = 0; i < 5; i++) await pg.freshDatabase()
    const each = (performance.now() - begun) / 5
    assert.ok(each < 1_000, `${each.toFixed(0)} ms each`)
  })

  it('can be dropped while in use', async () => {
    const database = await pg.freshDatabase()
    const client = new Client({ connectionString: database.runtimeUrl })
    // Two errors come: the server's farewell, then the closed socket.
    const lost = new Promise<Error & { code?: string }>(resolve => client.on('error', resolve))
    await client.connect()
    await database.drop()
    assert.equal((await lost).code, '57P01')
    await assert.rejects(query(database.runtimeUrl, 'select 1'), { code: '3D000' })
  })
})
