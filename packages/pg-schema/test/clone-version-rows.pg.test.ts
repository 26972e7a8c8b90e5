import { describePostgres } from '@tenantry/servers/vitest'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type CloneDatabase, clone, cloneDatabase, makeTemplate, target, template } from './clone-support.ts'

const statements = `
create type state as enum ('new', 'it''s "done", {really}');
create type "Odd Pair" as (a int, "b, c" text, s state);
create type span as range (subtype = int4);
create type states as range (subtype = state);
create domain word as varchar(20) check (value <> '');
create domain padded as char(6);
create domain current as state;
create domain flags as boolean;
create table kinds (id int primary key, at timestamptz, d numeric);
create table versions (
  id int generated always as identity primary key, s state not null default 'new', many state[], pair "Odd Pair", pairs "Odd Pair"[],
  r span, multi span_multirange, between states, w word, words word[], p padded, c current, f flags, k kinds, ks kinds[],
  plain text, made int generated always as (id * 2) stored);
insert into versions (s, many, pair, pairs, r, multi, between, w, words, p, c, f, k, ks, plain) values
  ('it''s "done", {really}', '{new,NULL}', (1, 'a,(")\\', 'new'), array[(null, '', null)::"Odd Pair", null], '[1,9)', '{[1,2),[5,6)}',
   '[new,new]', 'it''s', '{a,"b c"}', 'ab', 'new', true, (1, '2020-02-02 02:02:02.123456+00', 1.50), array[(2, null, null)::kinds], 'x'),
  ('new', null, null, '{}', 'empty', null, null, null, null, null, null, null, null, null, null);`

describePostgres('the rows of version tables', server => {
  let database: CloneDatabase
  beforeAll(async () => {
    database = await cloneDatabase(server)
  })
  afterAll(() => database.close())

  it('T17 are copied where columns are of types of the template: enums, composite types, domains, ranges, rows, arrays of them', async () => {
    await makeTemplate(database.owner, statements)
    const { differences, references } = await clone(database, { versionTables: ['versions'] })
    expect([differences, references]).toEqual([[], []])
    const rowsOf = async (schema: string) => {
      const { rows } = await database.owner.query(`select v::text as text from ${schema}.versions v order by id`)
      return rows.map(({ text }) => text)
    }
    expect(await rowsOf(template)).toHaveLength(2)
    expect(await rowsOf(target)).toEqual(await rowsOf(template))
  })
})
