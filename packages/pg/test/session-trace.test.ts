import { describe, expect, it } from 'vitest'
import { sessionUse } from '../src/statements/session-trace.ts'

describe('what a statement may leave in its session (R12, R25, R26, R27)', () => {
  const texts: Readonly<Record<string, readonly string[]>> = {
    none: [
      'select * from notes where id = $1',
      'insert into notes (text) values ($1) returning id',
      'insert into temperatures (temp) select temp from pg_temperatures',
      'insert into temporary_orders default values',
      'update notes set text = $1',
      'with x as (delete from notes returning *) select count(*) from x',
      'merge into notes using x on true when matched then do nothing',
      'select pg_advisory_xact_lock(1)',
      'select pg_try_advisory_xact_lock(1)',
      'declare c cursor for select 1',
      'fetch 3 from c',
      'table notes',
      'notify orders',
      '',
      '-- nothing',
    ],
    possible: [
      'create table t ()',
      'analyze',
      'vacuum notes',
      'explain analyze select 1',
      'refresh materialized view v',
    ],
    state: [
      "select set_config('x.y', 'z', false)",
      `select "set_config"('x.y', 'z', false)`,
      "SELECT pg_catalog.SET_CONFIG ('x.y', 'z', false)",
      `select U&"\\0073et_config"('x.y', 'z', false)`,
      "insert into t select set_config('x.y', 'z', false)",
      'select pg_advisory_lock(1)',
      'select pg_advisory_lock_shared(1)',
      'select pg_try_advisory_lock(1, 2)',
      'select 1 as a into temp t',
      'select 1 as a into temporary table t',
      'select 1 as a into local temp t',
      'select 1 as a into/**/temp t',
      'select 1 as a into -- x\n temp t',
      'select 1 as a into pg_temp.t',
      'select 1 as a into table pg_temp.t',
      'select 1 as a into table/**/pg_temp_3.t',
      `update pg_settings set setting = '1ms' where name = 'statement_timeout'`,
      'select 1 as a into"pg_temp".t',
      'with x as (select 1 as a) select * into\ttemp t from x',
      'do $$ begin end $$',
      '/* x */ do $$ begin end $$',
      'call p()',
      'explain analyze create temp table t as select 1',
      'select query_to_xml($1, true, true, $2)',
    ],
    lasting: ["select dblink_connect('x')", 'select setseed(0.5)', 'select setseed(0.5) into temp t'],
  }
  for (const [leaves, examples] of Object.entries(texts)) {
    it.each(examples)(`${leaves}: %s`, text => expect(sessionUse(text).leaves).toBe(leaves))
  }

  it.each(['select lastval()', `select "currval"('s')`, 'select U&"lastva\\006c"()'])('reads a sequence: %s', text =>
    expect(sessionUse(text).readsSequence).toBe(true),
  )

  it('is found in a long text, in time that does not explode', () => {
    for (const part of ['into ', 'into/*', 'select ', ' ', 'pg_try_', 'explain ']) {
      const started = performance.now()
      sessionUse(part.repeat(200_000))
      expect(performance.now() - started, part).toBeLessThan(500)
    }
  })
})
