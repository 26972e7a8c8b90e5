import { type Member, type Membership, type Memberships, TenancyError } from '@tenantry/core'
import { asking } from './ask.ts'
import { type Act, type ChangeTerms, changeByHand } from './change-by-hand.ts'
import { rowsOf } from './tables.ts'
import { readTenant } from './tenant-write.ts'

/** Which users may enter which tenants, in the registry. Each change has an entry in the audit. */
export interface PostgresMemberships extends Memberships {
  /**
   * Gives a membership, or another role. A default takes the place of the one before.
   *
   * @throws {TenancyError} `TENANT_NOT_FOUND`; `INPUT_INVALID` for a user without issuer or subject.
   */
  add(member: Member, membership: Membership, act: Act): Promise<void>
  /** Takes it away, as of the next request. Idempotent. */
  remove(member: Member, tenant: string, act: Act): Promise<void>
}

export function membersOf(terms: ChangeTerms): PostgresMemberships {
  const { pool, db, ready } = terms
  const of = ({ issuer, subject }: Member) =>
    db
      .selectFrom('registry_members')
      .select(['tenant', 'role', 'is_default as isDefault'])
      .where('issuer', '=', issuer)
      .where('subject', '=', subject)
  const isNobody = ({ issuer, subject }: Member) => `${issuer}${subject}`.includes('\0')

  return {
    async find(member, tenant) {
      await ready()
      if (isNobody(member)) return undefined
      const [row] = await rowsOf(asking(pool), of(member).where('tenant', '=', tenant))
      return row
    },
    async list(member) {
      await ready()
      return isNobody(member) ? [] : rowsOf(asking(pool), of(member).orderBy('tenant'))
    },
    add(member, { tenant, role = null, isDefault = false }, act) {
      const { issuer, subject } = member
      const details = { issuer, subject, role, isDefault }
      return changeByHand(terms, { action: 'tenant.member.add', tenant, details }, act, async query => {
        if ([issuer, subject].some(part => typeof part !== 'string' || part === ''))
          throw new TenancyError('INPUT_INVALID', { field: 'member', rule: 'must have an issuer and a subject' })
        if ((await readTenant(query, db, tenant)) === undefined)
          throw new TenancyError('TENANT_NOT_FOUND', { key: `id ${tenant}` })
        const before = db.updateTable('registry_members').set({ is_default: false })
        const others = before.where('issuer', '=', issuer).where('subject', '=', subject).where('tenant', '<>', tenant)
        if (isDefault) await rowsOf(query, others.where('is_default', '=', true))
        const values = { issuer, subject, tenant, role, is_default: isDefault }
        await rowsOf(
          query,
          db
            .insertInto('registry_members')
            .values(values)
            .onConflict(conflict =>
              conflict.columns(['issuer', 'subject', 'tenant']).doUpdateSet({ role, is_default: isDefault }),
            ),
        )
        return true
      })
    },
    remove({ issuer, subject }, tenant, act) {
      const entry = { action: 'tenant.member.remove', tenant, details: { issuer, subject } }
      return changeByHand(terms, entry, act, async query => {
        const own = db.deleteFrom('registry_members').where('issuer', '=', issuer).where('subject', '=', subject)
        return (await rowsOf(query, own.where('tenant', '=', tenant).returning('tenant'))).length > 0
      })
    },
  }
}
