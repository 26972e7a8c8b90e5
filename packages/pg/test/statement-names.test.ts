import { describe, expect, it } from 'vitest'
import { createStatementNames } from '../src/wire/statement-names.ts'

describe('the prepared statements of a connection', () => {
  it('have a name each, which is never used again', () => {
    const names = createStatementNames()
    const first = names.take('a', 'select 1')
    expect(names.take('a', 'select 1')).toBe(first)
    names.forget(first)
    expect(names.takeDead()).toEqual([first.wire])
    expect(names.takeDead()).toEqual([])
    expect(names.take('a', 'select 1').wire).not.toBe(first.wire)
  })

  it('are 500 at most: the one that was not used for the longest time is closed', () => {
    const names = createStatementNames()
    const taken = Array.from({ length: 500 }, (_, at) => names.take(`key ${at}`, `select ${at}`))
    names.take('key 0', 'select 0')
    expect(names.takeDead()).toEqual([])
    names.take('one more', 'select')
    expect(names.takeDead()).toEqual([taken[1]?.wire])
    expect(names.take('key 0', 'select 0')).toBe(taken[0])
    expect(names.take('key 1', 'select 1')).not.toBe(taken[1])
    expect(names.takeDead()).toEqual([taken[2]?.wire])
  })
})
