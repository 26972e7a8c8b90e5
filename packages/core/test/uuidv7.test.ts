import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { uuidv7 } from '../src/uuidv7.ts'

const instant = fc.integer({ min: 0, max: 2 ** 48 - 1 })

describe('uuidv7', () => {
  it('A13 carries the time, version 7 and the variant of RFC 9562', () => {
    fc.assert(
      fc.property(instant, now => {
        const id = uuidv7(now)
        expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
        expect(Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16)).toBe(now)
      }),
    )
  })

  it('sorts as text by age', () => {
    fc.assert(
      fc.property(instant, instant, (one, other) => {
        fc.pre(one !== other)
        expect(uuidv7(one) < uuidv7(other)).toBe(one < other)
      }),
    )
  })

  it('does not repeat itself within a millisecond', () => {
    expect(new Set(Array.from({ length: 10_000 }, () => uuidv7(0))).size).toBe(10_000)
  })
})
