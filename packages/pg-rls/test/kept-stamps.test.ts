import { describe, expect, it } from 'vitest'
import { KeptStamps } from '../src/seal/kept-stamps.ts'
import { createSeal } from '../src/seal/seal.ts'
import { testKey } from './sealed-bench.ts'
import { recorder } from './support.ts'

const answer = '00000001000200030004aabb'
const other = '00000002000200030004aabb'

/** Signs as often as it is asked to: each stamp tells which signature it is. */
function counted() {
  const stamps = new KeptStamps()
  let signed = 0
  const sign = () => {
    signed += 1
    return `${signed}`
  }
  const take = (from: string, tenant: string, age: number) => stamps.take(from, tenant, age, sign)
  return { stamps, take }
}

describe('stamps that are used again', () => {
  it('for half a second, and for the same tenant on the same connection only', () => {
    const { take } = counted()
    expect(take(answer, 'a', 0)).toBe('1')
    expect(take(answer, 'a', 499)).toBe('1')
    expect(take(answer, 'b', 0)).toBe('2')
    expect(take(other, 'a', 0)).toBe('3')
    expect(take(answer, 'a', 500)).toBe('4')
    expect(take(answer, 'a', 501)).toBe('4')
  })

  it('not for a time before the one they were signed for', () => {
    const { take } = counted()
    expect(take(answer, 'a', 100)).toBe('1')
    expect(take(answer, 'a', 99)).toBe('2')
  })

  it('are bounded in number, and forgotten when told', () => {
    const { stamps, take } = counted()
    for (let at = 0; at < 5_000; at += 1) take(answer, `t${at}`, 0)
    expect(take(answer, 't0', 0)).toBe('1')
    expect(take(answer, 'one more', 0)).toBe('5001')
    expect(take(answer, 't0', 0)).toBe('5002')
    stamps.clear()
    expect(take(answer, 't0', 0)).toBe('5003')
  })

  it.each([false, true])('the end of a stamp does not move with its use (pooler: %s)', async pooler => {
    const seal = createSeal({ mode: 'stamp', keys: () => testKey(), pooler, logger: recorder() })
    await seal.load()
    const window = (age: number) => Buffer.from(seal.token('a', answer, age), 'hex').subarray(6, 22)
    const [first, again, later] = [window(0), window(499), window(500)] as const
    expect(again).toEqual(first)
    const start = Buffer.from(answer, 'hex').readBigInt64BE(4)
    expect([first.readBigInt64BE(0), first.readBigInt64BE(8)]).toEqual([start - 2_000_000n, start + 5_000_000n])
    expect(later.readBigInt64BE(8) - first.readBigInt64BE(8)).toBe(500_000n)
  })

  it('one that was signed with the key of before is not used when another was read', async () => {
    let id = 1
    const seal = createSeal({ mode: 'stamp', keys: () => testKey(id), pooler: false, logger: recorder() })
    await seal.load()
    const keyOf = () => Buffer.from(seal.token('a', answer, 0), 'hex')[1]
    expect(keyOf()).toBe(1)
    id = 2
    await seal.load()
    expect(keyOf()).toBe(2)
  })
})
