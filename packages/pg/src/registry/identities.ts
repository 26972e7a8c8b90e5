import { TenancyError, type Tenant } from '@tenantry/core'
import { asking } from './ask.ts'
import { type Act, type ChangeTerms, changeByHand } from './change-by-hand.ts'
import { rowsOf } from './tables.ts'
import { selectTenants, type TenantRow, tenantOf } from './tenant-row.ts'
import { readTenant } from './tenant-write.ts'

/** How a source of identities names a tenant, such as an organisation's id at its issuer. Compared exactly. */
export interface Identity {
  readonly issuer: string
  readonly value: string
}

/** Which tenant an identity means. */
export interface Identities {
  /** The tenant of an identity, of whatever status; `undefined` when it is nobody's. */
  findByIdentity(identity: Identity): Promise<Tenant | undefined>
  /** All identities of a tenant. */
  identities(tenant: string): Promise<readonly Identity[]>
  /**
   * Gives an identity to a tenant, with an entry in the audit. Does nothing when it has it.
   *
   * @throws {TenancyError} `TENANT_EXISTS` when it is another tenant's; `TENANT_NOT_FOUND`.
   */
  addIdentity(tenant: string, identity: Identity, act: Act): Promise<void>
  /** Takes it away again, with an entry in the audit. Does nothing when the tenant has no such identity. */
  removeIdentity(tenant: string, identity: Identity, act: Act): Promise<void>
}

export function identitiesOf(terms: ChangeTerms): Identities {
  const { pool, db, ready } = terms
  return {
    async findByIdentity({ issuer, value }) {
      await ready()
      if (`${issuer}${value}`.includes('\0')) return undefined
      const found = selectTenants(db)
        .innerJoin('registry_identities as i', 'i.tenant', 't.id')
        .where('i.issuer', '=', issuer)
        .where('i.value', '=', value)
      const [row] = await rowsOf(asking(pool), found)
      return row && tenantOf(row as TenantRow)
    },
    async identities(tenant) {
      await ready()
      const own = db.selectFrom('registry_identities').select(['issuer', 'value']).where('tenant', '=', tenant)
      return rowsOf(asking(pool), own.orderBy('issuer').orderBy('value'))
    },
    addIdentity(tenant, { issuer, value }, act) {
      const entry = { action: 'tenant.identity.add', tenant, details: { issuer, value } }
      return changeByHand(terms, entry, act, async query => {
        if ((await readTenant(query, db, tenant)) === undefined)
          throw new TenancyError('TENANT_NOT_FOUND', { key: `id ${tenant}` })
        const insert = db.insertInto('registry_identities').values({ issuer, value, tenant })
        const added = await rowsOf(query, insert.onConflict(conflict => conflict.doNothing()).returning('tenant'))
        if (added.length > 0) return true
        const same = db
          .selectFrom('registry_identities')
          .select('tenant')
          .where('issuer', '=', issuer)
          .where('value', '=', value)
        const [owner] = await rowsOf(query, same)
        if (owner?.tenant !== tenant)
          throw new TenancyError('TENANT_EXISTS', { field: 'identity', value: `${issuer}, ${value}` })
        return false
      })
    },
    removeIdentity(tenant, { issuer, value }, act) {
      const entry = { action: 'tenant.identity.remove', tenant, details: { issuer, value } }
      return changeByHand(terms, entry, act, async query => {
        const own = db.deleteFrom('registry_identities').where('tenant', '=', tenant)
        return (
          (await rowsOf(query, own.where('issuer', '=', issuer).where('value', '=', value).returning('tenant')))
            .length > 0
        )
      })
    },
  }
}
