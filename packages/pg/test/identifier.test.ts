import { isTenancyError } from '@tenantry/core'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { quoteIdentifier, quoteQualified } from '../src/index.ts'

function rule(name: string): string {
  try {
    return `quoted: ${quoteIdentifier(name)}`
  } catch (error) {
    if (isTenancyError(error) && error.code === 'IDENTIFIER_INVALID') return error.details.rule
    throw error
  }
}

describe('an SQL identifier', () => {
  it.each([
    ['notes', '"notes"'],
    ['Notes', '"Notes"'],
    ['a"b', '"a""b"'],
    ['x"; drop table notes; --', '"x""; drop table notes; --"'],
    ['a.b', '"a.b"'],
    [' ', '" "'],
    ["'", `"'"`],
    ['\u00e9', '"\u00e9"'],
  ])('%j is quoted: %s', (name, quoted) => {
    expect(quoteIdentifier(name)).toBe(quoted)
  })

  it('is refused beyond 63 bytes, at which Postgres would cut it and make two names one (T29)', () => {
    expect(rule('x'.repeat(63))).toMatch(/^quoted/)
    expect(rule('x'.repeat(64))).toBe('it has 64 bytes, and Postgres keeps 63')
    expect(rule('"'.repeat(63))).toMatch(/^quoted/)
  })

  it('is measured in bytes of UTF-8, not in characters (T29)', () => {
    expect(rule('\u00e9'.repeat(31))).toMatch(/^quoted/)
    expect(rule('\u00e9'.repeat(32))).toBe('it has 64 bytes, and Postgres keeps 63')
    expect(rule('\u{1f600}'.repeat(16))).toBe('it has 64 bytes, and Postgres keeps 63')
  })

  it('is refused when it is empty or holds a NUL', () => {
    expect(rule('')).toBe('it is empty')
    expect(rule('a\0b')).toBe('it holds a NUL character')
  })

  it('names itself in the error, cut short', () => {
    expect(() => quoteIdentifier('y'.repeat(5000))).toThrow(/^The SQL identifier "y{80}" is not valid/)
  })

  it('of any text is refused, or read back by Postgres’s own rule as the same text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), name => {
        const quoted = rule(name)
        if (!quoted.startsWith('quoted: "')) return
        const inner = quoted.slice('quoted: "'.length, -1)
        expect(inner.replaceAll('""', '')).not.toContain('"')
        expect(inner.replaceAll('""', '"')).toBe(name)
      }),
    )
  })

  it('with a schema is quoted part by part', () => {
    expect(quoteQualified('public', 'a.b')).toBe('"public"."a.b"')
    expect(() => quoteQualified('', 'a')).toThrow('it is empty')
  })
})
