import { describe, expect, it } from 'vitest'
import { shortReads } from '../src/places/short-reads.ts'

describe('a short read', () => {
  it.each([
    'select text from notes where id = $1',
    '  SELECT n.id, count(*) OVER () FROM "notes" AS n',
    'select text from notes where id in (select id from other)',
    'select coalesce(text, lower($1)) from notes n join plain p on p.id = n.id order by 1 limit 5',
  ])('is %s, once it was seen to be', text => {
    const reads = shortReads(8)
    expect(reads.timeOf(text)).toBeUndefined()
    reads.took(text, 0.4)
    expect(reads.timeOf(text)).toBe(0.4)
  })

  it.each([
    ["insert into notes (text) select 'x' from plain", 'writes'],
    ['update notes set text = $1', 'writes'],
    ['with gone as (delete from notes returning id) select * from gone', 'can write'],
    ['select text from notes for update', 'locks rows'],
    ['select text from notes n FOR\n  No Key Update of n skip locked', 'locks rows'],
    ['select text from notes for /* once more */ share', 'locks rows'],
    ['select pg_advisory_xact_lock(id) from notes', 'waits for others'],
    ['select do_all_the_work($1)', 'calls a function'],
    ['select * from do_all_the_work($1)', 'calls a function for its rows'],
    ['select * from app."do it" ($1)', 'calls a function for its rows'],
    ['values (1)', 'is no SELECT'],
  ])('is never %s: it %s', text => {
    const reads = shortReads(8)
    for (let time = 0; time < 100; time++) reads.took(text, 0)
    expect(reads.timeOf(text)).toBe(Infinity)
  })

  const text = 'select text from notes'
  const times = (count: number, work: () => void) => Array.from({ length: count }, work)
  it('is one no more when it has taken long some times, and again after many short ones', () => {
    const reads = shortReads(8)
    times(100, () => reads.took(text, 0.2))
    reads.took(text, 1_000)
    expect(reads.timeOf(text)).toBeLessThan(1)
    times(3, () => reads.took(text, 1_000))
    expect(reads.timeOf(text)).toBeGreaterThan(2)
    times(1_000, () => reads.took(text, 1_000))
    expect(reads.timeOf(text)).toBeCloseTo(8)
    times(20, () => reads.took(text, 0.2))
    expect(reads.timeOf(text)).toBeLessThan(2)
  })

  it('is none for ever when it did what no read does', () => {
    const reads = shortReads(8)
    reads.took(text, 0.2)
    reads.took(text, Infinity)
    for (let time = 0; time < 1_000; time++) reads.took(text, 0)
    expect(reads.timeOf(text)).toBe(Infinity)
  })

  it('is forgotten when a thousand others came after it was used last', () => {
    const reads = shortReads(8)
    const of = (id: number) => `select text from notes where id = ${id}`
    for (let id = 0; id < 1_000; id++) reads.took(of(id), 0)
    reads.took(of(0), 0)
    reads.took(of(1_000), 0)
    expect([0, 1, 2].map(id => reads.timeOf(of(id)))).toEqual([0, undefined, 0])
  })
})
