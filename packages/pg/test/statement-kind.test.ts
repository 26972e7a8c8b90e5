import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { firstWords, statementKind } from '../src/statements/statement-kind.ts'
import { decorated } from './decorated.ts'

const kinds = {
  ordinary: [
    ...['', '   ', ';', '-- begin', '/* begin */', '(select 1)', 'table notes', 'values (1)', '$1', "'begin'"],
    ...[
      'select 1',
      'insert into t values (1)',
      'with a as (select 1) select * from a',
      'merge into t',
      'explain select 1',
    ],
    ...['beginning', 'committed', 'setting', 'starts', 'start replication', 'set constraints all deferred'],
    ...['do $$ begin end $$', 'call f()', 'notify news', 'fetch c', 'move c', 'close c', 'lock table t', 'show all'],
    ...['create table temp ()', 'create view temporary as select 1', 'create or replace function temp() as x'],
    ...['create index temp on t (a)', 'create table t (temp int)', 'declare c cursor for select hold from t'],
    ...[
      'declare hold cursor for select 1',
      'declare c cursor without h for select 1',
      '"begin"',
      'begin_work',
      'b\u00e9gin',
    ],
    ...['/* unterminated begin', 'vacuum', 'create schema s', 'alter table t add a int', 'truncate t'],
  ],
  begin: [
    'begin',
    'BEGIN',
    ' BeGiN work;',
    'begin isolation level serializable',
    'start transaction',
    'START\tTRANSACTION',
  ],
  commit: ['commit', 'end', 'commit work', 'COMMIT AND CHAIN', 'commit and no chain', 'end transaction;'],
  rollback: ['rollback', 'abort', 'rollback work', 'rollback and chain', 'abort transaction'],
  transaction: [
    ...['savepoint s', 'release s', 'release savepoint s', 'rollback to s', 'rollback work to savepoint s'],
    ...['set transaction read only', 'set local statement_timeout = 1', 'set local time zone utc', 'set local x to 1'],
    ...['set local transaction isolation level serializable', 'ROLLBACK/**/TO/**/S'],
  ],
  refused: [
    ...[
      'set x = 1',
      'set session x = 1',
      'set role r',
      'set "role" = r',
      'set session authorization r',
      'set x.y to 1',
    ],
    ...[
      'reset x',
      'discard all',
      'load x',
      'listen x',
      'unlisten *',
      'prepare p as select 1',
      'execute p',
      'deallocate p',
    ],
    ...[
      'prepare transaction $1',
      'commit prepared x',
      'rollback prepared x',
      'copy t to stdout',
      'copy (select 1) to stdout',
    ],
    ...['declare c cursor with hold for select 1', 'declare c scroll cursor with hold for select 1'],
    ...['declare "for" cursor with hold for select 1', 'declare c /*for*/ cursor with hold for select 1'],
    ...[
      `declare c ${'binary '.repeat(40)} cursor with hold for select 1`,
      'declare U&"c" cursor with hold for select 1',
    ],
    ...['create temp table t ()', 'create temporary sequence s', 'create local temp view v as select 1'],
    ...['create or replace temp view v as select 1', 'create global temporary table t ()', 'create table pg_temp.t ()'],
    ...['create table "pg_temp".t ()', 'create unlogged table if not exists pg_temp . t ()'],
    ...[
      'set local',
      'set local role r',
      'set local session authorization r',
      'set local search_path = a',
      'set local a.b = 1',
    ],
    ...[
      'set local "a" = 1',
      'set local U&"a" = 1',
      'set local a . b = 1',
      'set local a/**/.b = 1',
      'set local row_security = off',
    ],
    ...['set local \u00e9.b = 1', 'set local session characteristics as transaction read only'],
  ],
} as const

describe('the kind of a statement', () => {
  for (const [kind, texts] of Object.entries(kinds)) {
    it.each(texts)(`${kind}: %j`, text => {
      expect(statementKind(text).kind).toBe(kind)
    })
  }

  it('is the same whatever white space, comments, empty statements and case stand around it', () => {
    for (const [kind, texts] of Object.entries(kinds)) {
      if (kind === 'ordinary') continue
      fc.assert(
        fc.property(decorated(fc.constantFrom(...texts.filter(text => !text.includes('"')))), text => {
          expect(statementKind(text).kind).toBe(kind)
        }),
      )
    }
  })

  it('is found in any text without an error, in time that does not explode', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), text => void statementKind(text)))
    const started = performance.now()
    for (const part of ['/*', '*/', '/**/', '--\n', ';', ' ', '"', '""', 'a ', '.', 'declare ', "'"]) {
      statementKind(part.repeat(100_000))
      statementKind(`declare ${part.repeat(100_000)}`)
    }
    expect(performance.now() - started).toBeLessThan(5_000)
  })

  it('of a refusal says what to do instead', () => {
    fc.assert(
      fc.property(fc.constantFrom(...kinds.refused), text => {
        const { advice, reason } = statementKind(text) as { advice: string; reason: string }
        expect(advice).toMatch(/\.$/)
        expect(reason).not.toBe('')
      }),
    )
  })

  it('rests on the first words, read as Postgres reads them', () => {
    expect(firstWords(' ;-- a\r/* b /* c */ */ Begin\u000b\f work;', 3)).toEqual(['BEGIN', 'WORK'])
    expect(firstWords('set "a""b" . c = 1', 9)).toEqual(['SET', '"A""B"', '.', 'C'])
  })
})
