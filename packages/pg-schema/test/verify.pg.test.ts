import type { Finding } from '@tenantry/core'
import { describePostgres } from '@tenantry/servers/vitest'
import pg from 'pg'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { type PgSchemaOptions, pgSchema } from '../src/index.ts'
import { storageNames } from '../src/storage-key.ts'
import { type SchemaDatabase, schemaDatabase, silent, tenantOf } from './support.ts'
import { type Names, seeds } from './verify-seeds.ts'

const isSql = /^(?:alter|create|drop|grant|revoke) /

/** The names of a seed's database are new each time. */
function shortener({ a, b, roleA, roleB, login }: Names) {
  return ({ severity, id, object }: Finding) =>
    [
      [roleA, 'ROLE A'],
      [roleB, 'ROLE B'],
      [login, 'LOGIN'],
      [a, 'A'],
      [b, 'B'],
    ].reduce((text, [from = '', to = '']) => text.replaceAll(from, to), `${severity} ${id} ${object}`)
}

describePostgres('verify', server => {
  let database: SchemaDatabase
  let names: Names
  beforeEach(async () => {
    const template = [
      'create schema template',
      'create table template.notes (id uuid primary key, text text not null)',
      'create schema extensions',
      'grant usage on schema extensions to public',
    ]
    database = await schemaDatabase(server, template, true)
    const tenants = [tenantOf(), tenantOf()]
    for (const tenant of tenants) await open().provision(tenant)
    const [a, b] = tenants.map(storageNames({ rolePrefix: database.rolePrefix }))
    if (a === undefined || b === undefined) throw new Error('There are two tenants.')
    names = {
      ...{ a: a.schema, b: b.schema, roleA: a.role, roleB: b.role },
      ...{ login: database.runtimeRole, provisioner: database.provisionerRole, database: database.name },
    }
  })
  afterEach(() => database?.close())

  function open(options: Partial<PgSchemaOptions> = {}) {
    const { runtime: pool, provisioner, rolePrefix } = database
    return pgSchema({ pool, provisioner, rolePrefix, extensions: ['extensions'], logger: silent, ...options })
  }

  it('finds nothing where all is well, with tenants and without', async () => {
    expect(await open().verify()).toEqual([])
    const empty = await schemaDatabase(server)
    try {
      const { runtime: pool, provisioner, rolePrefix } = empty
      expect(await pgSchema({ pool, provisioner, rolePrefix, logger: silent }).verify()).toEqual([])
    } finally {
      await empty.close()
    }
  })

  for (const { name, sql, finds, only, advice, leaves = [] } of seeds) {
    const version = server.descriptor.major
    const away = (only === 15 && version !== 15) || (only === 16 && version < 16)
    if (away) it.skip(`${name} (not on ${version})`)
    else
      it(name, async () => {
        for (const statement of sql(names)) await database.admin.query(statement)
        const findings = await open().verify()
        const told = (list: readonly Finding[]) => list.map(shortener(names)).sort()
        expect(told(findings)).toEqual([...finds].sort())
        for (const { problem, fix } of findings) expect(problem.length * fix.length).toBeGreaterThan(0)
        const ready = await open()
          .ready()
          .then(
            () => 'ready',
            (thrown: { code?: string }) => thrown.code,
          )
        expect(ready).toBe(findings.some(({ severity }) => severity === 'error') ? 'UNSAFE_CONFIGURATION' : 'ready')
        const statements = findings.map(({ fix }) => fix).filter(fix => isSql.test(fix))
        if (advice === undefined) expect(statements.length).toBeGreaterThan(0)
        else expect(findings.some(({ fix }) => advice.test(fix))).toBe(true)
        for (const statement of statements) await database.admin.query(statement)
        if (advice === undefined) expect(told(await open().verify())).toEqual(leaves)
      })
  }

  it('finds the role that each of 300 tenants has not', async () => {
    const text = (
      at: number,
    ) => `create schema t_many_${at}; comment on schema t_many_${at} is '{"tenantry":"pg-schema","tenant":"many-${at}"}';
      create table t_many_${at}.notes (id int)`
    for (let at = 0; at < 300; at += 50)
      await database.provisioner.query(Array.from({ length: 50 }, (_, more) => text(at + more)).join(';'))
    expect((await open().verify()).filter(({ id }) => id === 'S3')).toHaveLength(300)
  })

  it('S9 finds the one path that leads to another tenant among those of 300', async () => {
    const at = (number: number) => `t_many_${String(number).padStart(3, '0')}`
    const text = (number: number) => {
      // As the server stores a list, with quotes where a name needs them; one name begins as another, one holds another.
      const path = number === 170 ? `"odd, ${at(7)}", ${at(171)}, pg_temp` : `${at(number)}, ${at(number)}_not, pg_temp`
      return `create schema ${at(number)}; comment on schema ${at(number)} is '{"tenantry":"pg-schema","tenant":"many-${number}"}';
        create function ${at(number)}.f() returns int language sql security definer set search_path = ${path} return 1`
    }
    for (let from = 0; from < 300; from += 50)
      await database.provisioner.query(Array.from({ length: 50 }, (_, more) => text(from + more)).join(';'))
    const found = (await open({ structure: { by: 'sql', statements: [] } }).verify()).filter(({ id }) => id === 'S9')
    expect(found.map(({ object, problem }) => [object, problem])).toEqual([
      [`function ${at(170)}.f()`, `works in the schema ${at(171)}, which is another tenant's.`],
    ])
  })

  it('a role of a tenant of a database with a name like this one is none of its own', async () => {
    const { name, admin } = database
    // An underscore stands for any character in a pattern.
    const other = name.replaceAll('_', 'x')
    expect(other).not.toBe(name)
    const role = `${name}_foreign`
    await admin.query(`create role ${role} createrole`)
    const mark = JSON.stringify({ tenantry: 'pg-schema', tenant: 'other', database: other })
    await admin.query(`comment on role ${role} is ${pg.escapeLiteral(mark)}`)
    expect(await open().verify()).toEqual([])
    await admin.query(`comment on role ${role} is ${pg.escapeLiteral(mark.replace(other, name))}`)
    expect((await open().verify()).map(({ object }) => object)).toContain(`role ${role}`)
  })
})
