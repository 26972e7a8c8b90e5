import type { Finding } from '@tenantry/core'
import { describePostgres } from '@tenantry/servers/vitest'
import pg from 'pg'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { type PgSchemaOptions, pgSchema } from '../src/index.ts'
import { storageNames } from '../src/storage-key.ts'
import { type SchemaDatabase, schemaDatabase, tenantOf } from './support.ts'

const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }

/** What a seed may speak of. */
interface Names {
  readonly a: string
  readonly b: string
  readonly roleA: string
  readonly roleB: string
  readonly login: string
  readonly provisioner: string
}

interface Seed {
  readonly name: string
  /** Statements of a superuser. */
  sql(names: Names): readonly string[]
  readonly finds: Pick<Finding, 'id' | 'severity'> & { readonly object: RegExp }
  readonly only?: 15 | 16
}

const error = (id: string, object: RegExp) => ({ finds: { id, severity: 'error' as const, object } })
const warning = (id: string, object: RegExp) => ({ finds: { id, severity: 'warning' as const, object } })

const seeds: readonly Seed[] = [
  {
    name: 'S11 the login is a superuser',
    sql: ({ login }) => [`alter role ${login} superuser`],
    ...error('S11', /^role .*_app$/),
  },
  {
    name: 'S11 the login may make roles',
    sql: ({ login }) => [`alter role ${login} createrole`],
    ...error('S11', /^role .*_app$/),
  },
  {
    name: 'S11 the login inherits',
    only: 15,
    sql: ({ login }) => [`alter role ${login} inherit`],
    ...error('S11', /^role .*_app$/),
  },
  {
    name: 'S11 the login inherits from one tenant',
    only: 16,
    sql: ({ login, roleA }) => [`grant ${roleA} to ${login} with inherit true`],
    ...error('S11', /^role /),
  },
  {
    name: 'S11 the login is a member of a role that reads everything',
    sql: ({ login }) => [`grant pg_read_all_data to ${login}`],
    ...error('S11', /^role .*_app$/),
  },
  {
    name: 'S11 the login is a member of the owner of schemas',
    sql: ({ login, provisioner }) => [`grant ${provisioner} to ${login}`],
    ...error('S11', /^role .*_app$/),
  },
  {
    name: 'S11 a schema belongs to the login',
    sql: ({ login, a }) => [`alter schema ${a} owner to ${login}`],
    ...error('S11', /^schema t_/),
  },
  {
    name: 'S11 PUBLIC may use a schema',
    sql: ({ a }) => [`grant usage on schema ${a} to public`],
    ...error('S11', /^schema t_/),
  },
  {
    name: 'S11 a tenant may use the schema of another',
    sql: ({ a, roleB }) => [`grant usage on schema ${a} to ${roleB}`],
    ...error('S11', /^schema t_/),
  },
  {
    name: 'S11 a tenant may make objects in its schema',
    sql: ({ a, roleA }) => [`grant create on schema ${a} to ${roleA}`],
    ...error('S11', /^schema t_/),
  },
  {
    name: 'S11 the login may use a schema',
    sql: ({ a, login }) => [`grant usage on schema ${a} to ${login}`],
    ...error('S11', /^schema t_/),
  },
  {
    name: 'S11 a role of somebody else may use a schema',
    sql: ({ a }) => [`grant usage on schema ${a} to pg_monitor`],
    ...warning('S11', /^schema t_/),
  },
  {
    name: 'S11 PUBLIC may read a table',
    sql: ({ a }) => [`grant select on ${a}.notes to public`],
    ...error('S11', /^relation t_.*notes$/),
  },
  {
    name: 'S11 another tenant may read a table',
    sql: ({ a, roleB }) => [`grant select on ${a}.notes to ${roleB}`],
    ...error('S11', /^relation t_.*notes$/),
  },
  {
    name: 'S11 the login may read a table without becoming the tenant',
    sql: ({ a, login }) => [`grant select on ${a}.notes to ${login}`],
    ...error('S11', /^relation t_.*notes$/),
  },
  {
    name: 'S11 a table belongs to the tenant',
    sql: ({ a, roleA }) => [`alter table ${a}.notes owner to ${roleA}`],
    ...warning('S11', /^relation t_.*notes$/),
  },
  {
    name: 'S11 a table belongs to another tenant',
    sql: ({ a, roleB }) => [`alter table ${a}.notes owner to ${roleB}`],
    ...error('S11', /^relation t_.*notes$/),
  },
  {
    name: 'S11 a tenant is a superuser',
    sql: ({ roleA }) => [`alter role ${roleA} superuser`],
    ...error('S11', /^role /),
  },
  {
    name: 'S11 a tenant may make roles',
    sql: ({ roleA }) => [`alter role ${roleA} createrole`],
    ...error('S11', /^role /),
  },
  {
    name: 'S11 a tenant may make databases',
    sql: ({ roleA }) => [`alter role ${roleA} createdb`],
    ...warning('S11', /^role /),
  },
  {
    name: 'S11 policies do not hold for a tenant',
    sql: ({ roleA }) => [`alter role ${roleA} bypassrls`],
    ...warning('S11', /^role /),
  },
  { name: 'S11 a tenant can log in', sql: ({ roleA }) => [`alter role ${roleA} login`], ...warning('S11', /^role /) },
  {
    name: 'S11 a tenant is a member of another',
    sql: ({ roleA, roleB }) => [`grant ${roleB} to ${roleA}`],
    ...error('S11', /^role /),
  },
  {
    name: 'S2 a path is stored with the login',
    sql: ({ login }) => [`alter role ${login} set search_path = public`],
    ...warning('S2', /^role .*_app$/),
  },
  {
    name: 'S2 a role is stored with the login',
    sql: ({ login, roleA }) => [`alter role ${login} set role = ${roleA}`],
    ...error('S2', /^role .*_app$/),
  },
  {
    name: 'S3 a schema has lost its role',
    sql: ({ roleA }) => [`drop owned by ${roleA}; drop role ${roleA}`],
    ...warning('S3', /^schema t_/),
  },
  {
    name: 'S3 a role is not granted to the login',
    sql: ({ roleA, login, provisioner }) => [`set role ${provisioner}; revoke ${roleA} from ${login}; reset role`],
    ...warning('S3', /^role /),
  },
  {
    name: 'S9 a SECURITY DEFINER function without a path, in a tenant’s schema',
    sql: ({ a }) => [`create function ${a}.f() returns int language sql security definer return 1`],
    ...error('S9', /^function t_.*f\(\)$/),
  },
  {
    name: 'S9 a SECURITY DEFINER function without a path, in a schema that PUBLIC may use',
    sql: () => [
      'create schema shared',
      'grant usage on schema shared to public',
      'create function shared.f() returns int language sql security definer return 1',
    ],
    ...error('S9', /^function shared\.f\(\)$/),
  },
  {
    name: 'S9 a function that works in the schema of another tenant',
    sql: ({ a, b }) => [`create function ${a}.f() returns int language sql set search_path = ${b}, pg_temp return 1`],
    ...error('S9', /^function t_.*f\(\)$/),
  },
  {
    name: 'S10 PUBLIC may make objects in a schema with extensions',
    sql: () => ['grant create on schema extensions to public'],
    ...error('S10', /^schema extensions$/),
  },
  {
    name: 'S10 the schema with extensions is gone',
    sql: () => ['drop schema extensions'],
    ...warning('S10', /^schema extensions$/),
  },
  {
    name: 'S10 tenants may not use the schema with extensions',
    sql: () => ['revoke usage on schema extensions from public'],
    ...warning('S10', /^schema extensions$/),
  },
  {
    name: 'S10 PUBLIC may make objects in the template',
    sql: () => ['grant create on schema template to public'],
    ...error('S10', /^schema template$/),
  },
  {
    name: 'S7 the template is gone',
    sql: () => ['drop schema template cascade'],
    ...warning('S7', /^schema template$/),
  },
  {
    name: 'S13 something in the template points outside',
    sql: () => [
      'create table public.shared (id int primary key)',
      'alter table template.notes add other int references public.shared',
    ],
    ...error('S13', /^template template$/),
  },
  {
    name: 'S15 a tenant is behind the template',
    sql: () => ['alter table template.notes add since date'],
    ...warning('S15', /^schema t_/),
  },
]

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
      ...{ login: database.runtimeRole, provisioner: database.provisionerRole },
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

  for (const { name, sql, finds, only } of seeds) {
    const version = server.descriptor.major
    const away = (only === 15 && version !== 15) || (only === 16 && version < 16)
    if (away) it.skip(`${name} (not on ${version})`)
    else
      it(name, async () => {
        for (const statement of sql(names)) await database.admin.query(statement)
        const findings = await open().verify()
        const found = findings.filter(
          ({ id, severity, object }) => id === finds.id && severity === finds.severity && finds.object.test(object),
        )
        expect(found.length, JSON.stringify(findings)).toBeGreaterThan(0)
        for (const { problem, fix } of findings) expect(problem.length * fix.length).toBeGreaterThan(0)
        const ready = await open()
          .ready()
          .then(
            () => 'ready',
            (thrown: { code?: string }) => thrown.code,
          )
        expect(ready).toBe(findings.some(({ severity }) => severity === 'error') ? 'UNSAFE_CONFIGURATION' : 'ready')
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
