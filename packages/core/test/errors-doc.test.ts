import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { errors } from '../src/index.ts'

const page = await readFile(new URL('../../../docs/errors.md', import.meta.url), 'utf8')
const rows = [...page.matchAll(/^\| `([A-Z_]+)` +\|(.*)\|$/gm)].map(([, code, rest = '']) => {
  const [status, title, details, next] = rest.split(' | ').map(cell => cell.trim())
  return {
    code,
    status: Number(status),
    title,
    details: [...(details ?? '').matchAll(/`(\w+)`/g)].map(([, name]) => name),
    next,
  }
})

// The details that a message speaks of are read off the message itself: whatever it asks for, it gets.
function detailsOf(message: (details: never) => string): string[] {
  const asked = new Set<string>()
  const anything: unknown = new Proxy(() => anything, {
    get: (_, key) => (key === Symbol.toPrimitive ? () => '…' : anything),
  })
  const details = new Proxy({}, { get: (_, key) => asked.add(String(key)) && anything })
  message(details as never)
  return [...asked]
}

describe('docs/errors.md equals the table of errors', () => {
  it('has the same codes in the same order', () => {
    expect(rows.map(({ code }) => code)).toEqual(Object.keys(errors))
  })
  it.each(Object.entries(errors))(
    '%s has its status, title, details and a next step',
    (code, { status, title, next, message }) => {
      const row = rows.find(one => one.code === code)
      expect(row).toMatchObject({ status, title })
      expect(new Set(row?.details)).toEqual(new Set(detailsOf(message)))
      expect(row?.next?.replaceAll('`', '')).toBe(next)
    },
  )
})
