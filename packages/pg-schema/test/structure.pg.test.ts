import { describePostgres } from '@tenantry/servers/vitest'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { readClonePlan } from '../src/clone/clone-plan.ts'
import { templateFingerprint } from '../src/clone/fingerprint.ts'
import { outsideReferences } from '../src/clone/outside-references.ts'
import { describeDifference, diffStructures, readStructure } from '../src/clone/structure.ts'
import { type CloneDatabase, cloneDatabase, inTransaction, makeFixture, queryOf, template } from './clone-support.ts'
import { mutations } from './mutations/mutations.ts'

describePostgres('readStructure and diffStructures', server => {
  let database: CloneDatabase

  beforeAll(async () => {
    database = await cloneDatabase(server)
    await makeFixture(database)
  })
  afterAll(() => database.close())

  const read = (schema = template) =>
    inTransaction(database.owner, () => readStructure(database.query, schema, { role: database.tenant }))

  it(`tell each of ${mutations.length} changes, and nothing else`, async () => {
    const { owner, reader, tenant, major, query } = database
    const before = await read()
    const fill = (text: string) =>
      text.replaceAll(':schema', template).replaceAll(':reader', reader).replaceAll(':tenant', tenant)
    for (const { sql, told, toldSince18 } of mutations) {
      await owner.query(`begin; set local search_path = ${template}, pg_temp`)
      await owner.query(fill(sql))
      const differences = diffStructures(before, await readStructure(query, template, { role: tenant }))
      await owner.query('rollback')
      const found = differences.map(({ change, kind, name }) => `${change} ${kind} ${name}`).sort()
      expect(found, sql).toEqual(((major >= 18 ? toldSince18 : undefined) ?? told).map(fill))
      for (const difference of differences) {
        expect(difference.wanted === difference.found, sql).toBe(false)
        expect(describeDifference(difference), sql).toContain(difference.name)
      }
    }
    expect(diffStructures(before, await read())).toEqual([])
  })

  it('every entry has a name of its own among its kind, and the schema stands in none', async () => {
    const structure = await read()
    const keys = structure.map(({ kind, name }) => `${kind} ${name}`)
    expect(new Set(keys).size).toBe(keys.length)
    expect(structure.filter(({ definition, name }) => `${definition} ${name}`.includes(template))).toEqual([])
    expect(structure.filter(({ definition }) => definition.includes('{schema}')).map(({ name }) => name)).toEqual([
      'pinned()',
    ])
  })

  it('tells who owns what does not belong to the schema’s owner', async () => {
    const { admin, owner, reader, ownerRole } = database
    const schema = 'owned'
    const alter = ['table notes', 'view seen', 'materialized view kept', 'sequence counted', 'type state', 'type pair']
    const more = ['type span', 'domain word', 'function f(integer)', 'procedure p()', 'statistics st']
    await owner.query(`create schema ${schema}; set search_path = ${schema};
      create table notes (id int generated always as identity primary key, s serial, a int, b int);
      create view seen as select a from notes; create materialized view kept as select a from notes; create sequence counted;
      create type state as enum ('on'); create type pair as (a int, b int); create type span as range (subtype = int4);
      create domain word as text; create function f(int) returns int language sql return 1;
      create procedure p() language sql as ''; create statistics st on a, b from notes; reset search_path`)
    const told = async () => {
      const structure = await inTransaction(owner, () => readStructure(database.query, schema))
      return structure.filter(({ kind }) => kind === 'owner').map(({ name }) => name)
    }
    expect(await told()).toEqual([])
    for (const object of [...alter, ...more]) {
      const [, kind = '', name = ''] = /^(.*) (\S+)$/.exec(object) ?? []
      await admin.query(`alter ${kind} ${schema}.${name} owner to ${reader}`)
    }
    const objects = [...alter, ...more, 'sequence notes_s_seq'].map(object => object.replace(/^procedure/, 'function'))
    expect(await told()).toEqual(objects.map(object => `${reader} of ${object}`).sort())
    await admin.query(`alter schema ${schema} owner to ${reader}`)
    expect(await told()).toEqual([])
    await admin.query(`alter schema ${schema} owner to ${ownerRole}; drop schema ${schema} cascade`)
  })

  it('tells statistics of a table that is in another schema, which no template may have', async () => {
    const { owner, query } = database
    const schema = 'apart'
    const [structure, problems] = await inTransaction(
      owner,
      async () => {
        await owner.query(`create schema side; create table side."of it" (a int, b int); create schema ${schema};
          create statistics ${schema}.st on a, b from side."of it"; comment on statistics ${schema}.st is 'x'`)
        const structure = await readStructure(query, schema)
        const plan = readClonePlan(query, { schema, versionTables: [] })
        return [structure, await plan.catch(error => [error.code, error.details?.problems])]
      },
      'rollback',
    )
    expect(structure).toContainEqual(
      expect.objectContaining({
        ...{ kind: 'statistics', name: 'st' },
        definition: expect.stringMatching(/ON a, b FROM side\."of it"$/),
      }),
    )
    expect(problems).toEqual([
      'TEMPLATE_INVALID',
      [expect.stringMatching(/^statistics object apart\.st: it refers to .*side\."of it"/)],
    ])
  })

  it('says a difference in one line', () => {
    const [missing, unexpected, different] = [
      { kind: 'table', name: 'notes', change: 'missing', wanted: 'TABLE' },
      { kind: 'index', name: 'notes.a', change: 'unexpected', found: 'CREATE' },
      {
        kind: 'column',
        name: 'notes.b',
        change: 'different',
        wanted: 'b integer\nNOT  NULL',
        found: `b ${'x'.repeat(300)}`,
      },
    ] as const
    expect(describeDifference(missing)).toBe('table notes is missing')
    expect(describeDifference(unexpected)).toBe('index notes.a is not in the template')
    expect(describeDifference(different)).toBe(`column notes.b is b ${'x'.repeat(198)}…, not b integer NOT NULL`)
  })

  it('a schema that is not there has nothing in it', async () => {
    expect(await read('nowhere')).toEqual([])
    const differences = diffStructures(await read(), await read('nowhere'))
    expect(new Set(differences.map(({ change }) => change))).toEqual(new Set(['missing']))
  })

  it('a schema with objects of other kinds tells them too', async () => {
    const { owner } = database
    const names = await inTransaction(
      owner,
      async () => {
        await owner.query(`create schema strange; set local search_path = strange, pg_temp;
          create collation c (locale = 'C'); create aggregate total (int) (sfunc = int4pl, stype = int);
          create operator === (leftarg = int, rightarg = int, function = int4eq);
          create text search configuration words (copy = simple)`)
        return (await readStructure(database.query, 'strange')).map(({ kind, name }) => `${kind} ${name}`)
      },
      'rollback',
    )
    expect(names).toEqual([
      'aggregate total(integer)',
      'other object collation c',
      expect.stringMatching(/^other object operator ===\(/),
      'other object text search configuration words',
    ])
  })

  it('leaves the settings of the caller as they were, also odd ones', async () => {
    const { owner } = database
    const settings = [
      'search_path',
      'datestyle',
      'intervalstyle',
      'timezone',
      'enable_seqscan',
      'jit',
      'quote_all_identifiers',
    ]
    const show = async () => {
      const list = settings.map(name => `current_setting('${name}')`).join(', ')
      const { rows } = await owner.query({ text: `select ${list}`, rowMode: 'array' })
      return rows[0]
    }
    const [before, after, first, second] = await inTransaction(owner, async () => {
      const plain = await readStructure(database.query, template)
      await owner.query(`set local search_path = "odd ""name""
, here", pg_catalog; set local datestyle = 'German'; set local intervalstyle = 'iso_8601'; set local timezone = 'Asia/Kathmandu';
        set local quote_all_identifiers = on; set local extra_float_digits = -5; set local bytea_output = 'escape'`)
      const before = await show()
      const odd = await readStructure(database.query, template)
      return [before, await show(), plain, odd]
    })
    expect(after).toEqual(before)
    expect(second).toEqual(first)
  })

  it('is refused outside of a transaction, where settings end with their statement', async () => {
    await expect(readStructure(database.query, template)).rejects.toMatchObject({ code: 'ARGUMENT_INVALID' })
  })

  // What reads a tenant's schema does so with the rights of all tenants' owner (CVE-2018-1058).
  it('calls nothing that stands in the schema, whatever its name and types are', async () => {
    const { admin } = database
    const types = ['oid', 'int2', 'int4', 'int8', 'text', 'name', 'regclass', '"char"', 'text[]', 'oid[]', 'bool']
    const operators = ['=', '<>', '<', '>', '<=', '>=', '||', '&', '+', '-']
    await inTransaction(
      admin,
      async () => {
        await admin.query(`create schema trap; set local search_path = trap;
          create function sprung() returns void language plpgsql as $$ begin raise exception 'trap'; end $$`)
        const made: string[] = []
        for (const left of types) {
          for (const right of types) {
            made.push(`create function trap_of(${left}, ${right}) returns boolean language plpgsql as
              $$ begin raise exception 'trap: ${left} ${right}'; end $$`)
            for (const operator of operators) {
              const result = `create operator ${operator} (leftarg = ${left}, rightarg = ${right}, function = trap_of)`
              made.push(result)
            }
          }
        }
        for (const name of ['quote_ident', 'format_type', 'pg_get_expr', 'concat_ws', 'unnest', 'count', 'json_agg']) {
          for (const type of types) {
            made.push(
              `create function ${name}(${type}) returns text language plpgsql as $$ begin raise exception 'trap'; end $$`,
            )
          }
        }
        await admin.query(made.join(';\n'))
        await admin.query(`create table plain (id int primary key, body text default 'x' check (length(body) > 0));
          create view shown as select id from plain; create index on plain (body);
          create function f() returns trigger language plpgsql as 'begin return new; end';
          create trigger t before update of body on plain for each row execute function f();
          create policy p on plain using (id > 0); comment on table plain is 'x'`)
        const structure = await readStructure(queryOf(admin), 'trap')
        expect(structure.length).toBeGreaterThan(1000)
        // What a provisioner asks while the schema stands first in its path.
        expect(await templateFingerprint(queryOf(admin), 'trap')).toMatch(/^\d+ -?\d+$/)
        expect(await outsideReferences(queryOf(admin), 'trap', [])).toEqual([])
        // Operators cannot be cloned, which is found out when everything has been read.
        const plan = readClonePlan(queryOf(admin), { schema: 'trap', versionTables: ['plain'] })
        await expect(plan).rejects.toMatchObject({ code: 'TEMPLATE_INVALID' })
      },
      'rollback',
    )
  })
})
