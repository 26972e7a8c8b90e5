import { memoryRegistry } from '@tenantry/core'
import { describe, expect, it } from 'vitest'
import { admitByClaims, memoryClaimMappings } from '../../src/index.ts'

const iss = 'https://id.example.com'
const registry = memoryRegistry()
const acme = registry.add({ id: 'acme', slug: 'acme', name: 'Acme' })
const globex = registry.add({ id: 'globex', slug: 'globex', name: 'Globex' })
const mappings = memoryClaimMappings([
  {
    ...{ tenant: 'acme', issuer: iss, claim: 'groups', match: ['admins', 'viewers', 'guests'] },
    roles: { admins: 'Admin', viewers: 'Viewer' },
  },
  { tenant: 'globex', issuer: iss, claim: 'org', match: ['admins'] },
])

describe('people whom their claims let in', () => {
  const admit = admitByClaims({ mappings })

  it('A15 A17 A18 A20 enter the tenant that their claims lead to, with the highest of their roles', async () => {
    expect(await admit({ iss, groups: ['viewers', 'admins'] }, acme)).toEqual({ role: 'Admin' })
    expect(await admit({ iss, groups: ['guests'] }, acme)).toEqual({ role: undefined })
    expect(await admit({ iss, groups: ['viewers'], org: 'admins' }, globex)).toEqual({ role: undefined })
  })

  it('C04 C33 enter no other, whichever was chosen when the login began', async () => {
    expect(await admit({ iss, groups: ['admins'] }, globex)).toBeUndefined()
    expect(await admit({ iss, org: 'admins' }, acme)).toBeUndefined()
    expect(await admit({ iss, groups: ['Admins', 'admins '] }, acme)).toBeUndefined()
  })

  it('E6 enter none when another issuer says the same', async () => {
    expect(await admit({ iss: 'https://evil.example', groups: ['admins'] }, acme)).toBeUndefined()
    expect(await admit({ groups: ['admins'] }, acme)).toBeUndefined()
  })

  it('A21 enter none by a role that is unknown', async () => {
    const wrong = {
      ...mappings,
      findIdentities: () => [{ claim: 'groups', value: 'admins', tenant: 'acme', role: 'Root' }],
    }
    const asked = admitByClaims({ mappings: wrong })({ iss, groups: ['admins'] }, acme)
    await expect(asked).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
    expect(() => admitByClaims({ mappings, roles: [] })).toThrow(expect.objectContaining({ code: 'ARGUMENT_INVALID' }))
  })
})
