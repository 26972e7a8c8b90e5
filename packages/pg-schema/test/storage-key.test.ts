import { isTenancyError } from '@tenantry/core'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { checkStorageKey } from '../src/index.ts'
import { storageNames } from '../src/storage-key.ts'
import { tenantOf } from './support.ts'

function codeOf(work: () => unknown): unknown {
  try {
    return work()
  } catch (error) {
    return isTenancyError(error) ? error.code : error
  }
}

const plainTenant = (id: string, placement: Record<string, string> = {}) => ({ id, placement, isDefault: false })
const tenantId = fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/).filter(id => !id.includes('_sk_'))

describe('names that are made of an id', () => {
  const naming = storageNames({})

  it('S4 S5 are lower-case, opaque, 28 bytes long, and one for each id', () => {
    const seen = new Map<string, string>()
    fc.assert(
      fc.property(tenantId, id => {
        const { schema, role } = naming(plainTenant(id))
        expect(schema).toMatch(/^t_[a-z2-7]{26}$/)
        expect(role).toBe(schema)
        expect(seen.get(schema) ?? id).toBe(id)
        seen.set(schema, id)
      }),
      { numRuns: 2000 },
    )
  })
  it('never change: they stand in databases', () => {
    expect(naming(plainTenant('acme')).schema).toBe('t_qivthlmhyfekbiqklot42xv4vj')
  })
  it('T39 one identifier for all: the placement decides, and the role stays that of the id', () => {
    const { schema, role } = naming(plainTenant('acme', { schema: 't_example' }))
    expect([schema, role]).toEqual(['t_example', naming(plainTenant('acme')).role])
  })
  it('follow the tenant, also when one object stands for many', () => {
    const tenant = { ...plainTenant('a') }
    const first = naming(tenant).schema
    tenant.id = 'b'
    expect(naming(tenant).schema).not.toBe(first)
    expect(naming(tenant).schema).toBe(naming(plainTenant('b')).schema)
  })
  it('T32 the default tenant lives where the configuration says', () => {
    const inPublic = storageNames({ defaultSchema: 'public' })
    expect(inPublic(tenantOf({ isDefault: true })).schema).toBe('public')
    expect(inPublic(tenantOf()).schema).toMatch(/^t_/)
    expect(naming(tenantOf({ isDefault: true })).schema).toMatch(/^t_/)
  })
  it.each(['', 'a b', 'a"b', 'a\0b', 'é', 'a_sk_b', 'x'.repeat(65), undefined as unknown as string])(
    'an id against the rule is refused: %j',
    id => expect(codeOf(() => naming(plainTenant(id)))).toBe('ARGUMENT_INVALID'),
  )
})

describe('a storage key that is given', () => {
  it.each(['t_example', 't_1', `t_${'x'.repeat(61)}`])('T28 T29 %s is taken', key =>
    expect(checkStorageKey(key)).toBe(key),
  )
  it.each([
    ['T28 another beginning', 'x_example'],
    ['T28 nothing behind the prefix', 't_'],
    ['T29 64 bytes', `t_${'x'.repeat(62)}`],
    ['what would be folded', 't_Example'],
    ['what needs quotes', 't_a-b'],
    ['a list', 't_a,public'],
    ['a quote', 't_a"; drop schema public; --'],
    ['bytes that are not ASCII', 't_é'],
    ['nothing', ''],
    ['no text', 7 as unknown as string],
  ])('%s is refused', (_, key) => expect(codeOf(() => checkStorageKey(key))).toBe('IDENTIFIER_INVALID'))
  it('the names of the server are refused whatever the prefix', () => {
    for (const key of ['pg_catalog', 'pg_temp', 'information_schema'])
      expect(codeOf(() => checkStorageKey(key, key.slice(0, 2)))).toBe('IDENTIFIER_INVALID')
  })
  it('is checked when a tenant is named by it', () => {
    for (const schema of ['public', 't_A', `t_${'x'.repeat(62)}`])
      expect(codeOf(() => storageNames({})(plainTenant('acme', { schema })))).toBe('IDENTIFIER_INVALID')
  })
})

describe('options that break names', () => {
  it.each([
    { keyPrefix: '' },
    { keyPrefix: 'T_' },
    { keyPrefix: 'pg_' },
    { keyPrefix: 'x'.repeat(40) },
    { rolePrefix: 'a-b' },
    { rolePrefix: 'x'.repeat(40) },
    { rolePrefix: 'pg_' },
    { defaultSchema: 'Public' },
    { defaultSchema: 'pg_catalog' },
  ])('%j', options => expect(codeOf(() => storageNames(options))).toBe('ARGUMENT_INVALID'))
})
