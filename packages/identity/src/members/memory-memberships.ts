import { isTenantId, type Member, type Membership, type Memberships, TenancyError } from '@tenantry/core'

/** Memberships in this process's memory. */
export interface MemoryMemberships extends Memberships {
  /**
   * Gives a membership, or another role. A default takes the place of the one before.
   *
   * @throws {TenancyError} `ARGUMENT_INVALID` for what is no member or no tenant's id.
   */
  add(member: Member, membership: Membership): void
  /** Takes it away. Idempotent. */
  remove(member: Member, tenant: string): void
}

/**
 * @example
 * const memberships = memoryMemberships()
 * memberships.add({ issuer: 'https://id.example.com', subject: 'jane' }, { tenant: 'acme', role: 'Admin' })
 */
export function memoryMemberships(): MemoryMemberships {
  const all = new Map<string, Map<string, Membership>>()
  const nameOf = ({ issuer, subject }: Member) => JSON.stringify([issuer, subject])

  return {
    find: (member, tenant) => all.get(nameOf(member))?.get(tenant),
    list: member => [...(all.get(nameOf(member))?.values() ?? [])],
    add(member, { tenant, role, isDefault = false }) {
      const bad = (field: string, rule: string) => new TenancyError('ARGUMENT_INVALID', { field, rule })
      if (![member.issuer, member.subject].every(part => typeof part === 'string' && part !== ''))
        throw bad('member', 'must have an issuer and a subject')
      if (!isTenantId(tenant)) throw bad('membership.tenant', 'must be the id of a tenant')
      const own = all.get(nameOf(member)) ?? new Map<string, Membership>()
      if (isDefault) for (const [id, other] of own) own.set(id, Object.freeze({ ...other, isDefault: false }))
      own.set(tenant, Object.freeze({ tenant, role, isDefault }))
      all.set(nameOf(member), own)
    },
    remove: (member, tenant) => void all.get(nameOf(member))?.delete(tenant),
  }
}
