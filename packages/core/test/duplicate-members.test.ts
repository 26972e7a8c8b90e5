import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { hasDuplicateMembers } from '../src/index.ts'

describe('hasDuplicateMembers', () => {
  it.each([
    '{"a":1,"a":2}',
    '{"a":1,"a":1}',
    '{"a":1,"b":2,"a":3}',
    '{"a":1,"\\u0061":2}',
    '{"a" :1,"a"\n:2}',
    '{"":1,"":2}',
    '{"a\\"":1,"a\\"":2}',
    '{"x":{"a":1,"a":2}}',
    '[{"a":1,"a":2}]',
    '{"a":{"b":1},"c":[{}],"a":2}',
    '{"__proto__":1,"__proto__":2}',
    '{"a":"}","a":1}',
  ])('E5 finds them in %s', json => {
    JSON.parse(json)
    expect(hasDuplicateMembers(json)).toBe(true)
  })

  it.each([
    '{}',
    '[]',
    '"a"',
    'null',
    '{"a":1,"A":2}',
    '{"a":"a","b":"a"}',
    '{"a":{"a":{"a":1}}}',
    '[{"a":1},{"a":1}]',
    '{"a":"\\"a\\":1,\\"a\\":","b":1}',
    '{"a":"{\\"b\\":","b":1}',
    '{"a":["a","a"]}',
    '{"a\\\\":1,"a":2}',
  ])('E5 finds none in %s', json => {
    JSON.parse(json)
    expect(hasDuplicateMembers(json)).toBe(false)
  })

  it('E5 finds none in what a program has written, and one that is put into any of its objects', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.boolean(), (value, isSpaced) => {
        const json = JSON.stringify(value, undefined, isSpaced ? 2 : undefined)
        expect(hasDuplicateMembers(json)).toBe(false)
        const [name] = Object.keys(value)
        if (name === undefined) return
        const doubled = `${json.slice(0, -1)},${JSON.stringify(name)}:null}`
        JSON.parse(doubled)
        expect(hasDuplicateMembers(doubled)).toBe(true)
        expect(hasDuplicateMembers(`[{"x":${doubled}}]`)).toBe(true)
      }),
    )
  })
})
