import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { keyspaces } from '../src/index.ts'
import { tenantOf } from './support.ts'

const id = fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/).filter(text => !text.includes('_sk_'))

describe('key spaces', () => {
  it('C2 C8 C11 two different pairs of tenant and key never have one name', () => {
    for (const hashTag of [false, true]) {
      const spaceOf = keyspaces({ hashTag })
      fc.assert(
        fc.property(id, fc.string(), id, fc.string(), (a, key, b, other) => {
          const same = spaceOf(tenantOf(a)).wrap(key) === spaceOf(tenantOf(b)).wrap(other)
          expect(same).toBe(a === b && key === other)
        }),
        {
          numRuns: 2_000,
          examples: [
            ['a', 'b:c', 'a', 'b:c'],
            ['a', ':k', 'a-', 'k'],
            ['a', 't:b:k', 'b', 'k'],
            ['a', '}:x', 'a', 'x'],
            ['a', 'bk', 'ab', 'k'],
          ],
        },
      )
    }
  })

  it('C2 G15 a million names of tenants and keys that look alike are a million names', () => {
    const spaceOf = keyspaces()
    const seen = new Set<string>()
    const parts = ['a', 'A', 'a-b', 'a_b', 'ab', 'b', 't', '0', '-', '_']
    const spaces = parts.flatMap(one => parts.map(two => spaceOf(tenantOf(`${one}${two}x${one.length}`))))
    const alphabet = ['', ':', 'a', 'b:', '{', '}', '*', '\\', 't:a:', '\u0000', 'é', '_sk_', ' ', '\n']
    const keys = new Set<string>()
    for (let at = 0; keys.size < 10_000; at++) {
      keys.add([1, 14, 196, 2744].map(by => alphabet[Math.floor(at / by) % alphabet.length]).join(''))
    }
    expect(new Set(spaces.map(({ tenant }) => tenant)).size).toBe(spaces.length)
    for (const space of spaces) for (const key of keys) seen.add(space.wrap(key) as string)
    expect(seen.size).toBe(1_000_000)
  })

  it('C2 gives back every name, text or bytes, and no other tenant’s', () => {
    const spaceOf = keyspaces({ namespace: 'app' })
    fc.assert(
      fc.property(id, fc.string(), fc.uint8Array(), (tenant, key, bytes) => {
        const space = spaceOf(tenantOf(tenant))
        expect(space.unwrap(space.wrap(key))).toBe(key)
        const buffer = Buffer.from(bytes)
        expect(space.unwrap(space.wrap(buffer) as Buffer)).toEqual(buffer)
        expect(spaceOf(tenantOf('other')).unwrap(space.wrap(key))).toBe(tenant === 'other' ? key : undefined)
      }),
    )
  })

  it('D1 a source that hands out one object for many tenants gets the key space of each', () => {
    const spaceOf = keyspaces()
    const one = { ...tenantOf('a') }
    expect(spaceOf(one).wrap('k')).toBe('t:a:k')
    Object.assign(one, { id: 'b' })
    expect(spaceOf(one).wrap('k')).toBe('t:b:k')
  })

  it('C8 a hash tag holds the tenant, so that braces in keys move nothing', () => {
    const space = keyspaces({ hashTag: true })(tenantOf('acme'))
    expect(/\{(.*?)\}/.exec(String(space.wrap('{globex}x')))?.[1]).toBe('t:acme')
  })

  it('C2 refuses a namespace or an id that could hold a colon', () => {
    for (const namespace of ['', 'a:b', 'a*', 'x'.repeat(33)]) {
      expect(() => keyspaces({ namespace })).toThrow(expect.objectContaining({ code: 'ARGUMENT_INVALID' }))
    }
    for (const bad of ['', 'a:b', 'a b', 'a_sk_b', 'x'.repeat(65)]) {
      expect(() => keyspaces()({ id: bad })).toThrow(expect.objectContaining({ code: 'ARGUMENT_INVALID' }))
    }
  })
})
