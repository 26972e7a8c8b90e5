import { describe, expect, it } from 'vitest'
import { shortReads } from '../src/places/short-reads.ts'

describe('a short read', () => {
  it.each([
    'select text from notes where id = $1',
    '  SELECT n.id, count(*) OVER () FROM "notes" AS n',
    'select text from notes where id in (select id from other)',
    'select coalesce(text, lower($1)) from notes n join plain p on p.id = n.id order by 1 limit 5',
  ])('is %s, once it was seen to be', text => {
    const reads = shortReads(5)
    expect(reads.has(text)).toBe(false)
    reads.took(text, 0.4)
    expect(reads.has(text)).toBe(true)
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
    const reads = shortReads(5)
    for (let time = 0; time < 100; time++) reads.took(text, 0)
    expect(reads.has(text)).toBe(false)
  })

  const text = 'select text from notes'
  it('is none any more when it took long once, until it was short many times', () => {
    const reads = shortReads(5)
    reads.took(text, 0.2)
    reads.took(text, 1_000)
    let times = 0
    for (; !reads.has(text); times++) reads.took(text, 0.2)
    expect(times).toBeGreaterThan(40)
    expect(times).toBeLessThan(60)
  })

  it('is none any more when it has cost a connection', () => {
    const reads = shortReads(5)
    reads.took(text, 0.2)
    reads.took(text, Infinity)
    for (let time = 0; time < 1_000; time++) reads.took(text, 0)
    expect(reads.has(text)).toBe(false)
  })

  it('is forgotten when a thousand others came after it', () => {
    const reads = shortReads(5)
    for (let id = 0; id < 1_001; id++) reads.took(`select text from notes where id = ${id}`, 0)
    expect(reads.has('select text from notes where id = 0')).toBe(false)
    expect(reads.has('select text from notes where id = 1')).toBe(true)
  })
})
