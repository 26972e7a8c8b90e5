import { type ClaimMappings, TenancyError, type Tenant } from '@tenantry/core'
import { sql } from 'kysely'
import { asking } from './ask.ts'
import { type Act, type ChangeTerms, changeByHand } from './change-by-hand.ts'
import { rowsOf } from './tables.ts'
import { selectTenants, type TenantRow, tenantOf } from './tenant-row.ts'
import { readTenant } from './tenant-write.ts'

/** How a source of identities names a tenant, such as an organisation's id at its issuer, or a group. Compared exactly. */
export interface Identity {
  readonly issuer: string
  /** The claim in which the value stands, as `ClaimMappings` has it. Default: none in particular, and no token leads here by it. */
  readonly claim?: string
  readonly value: string
  /** What whoever has it is in the tenant. To change it, add the identity again. */
  readonly role?: string | null
}

/** Which tenant an identity means. */
export interface Identities extends ClaimMappings {
  /** The tenant of an identity, of whatever status; `undefined` when it is nobody's. */
  findByIdentity(identity: Identity): Promise<Tenant | undefined>
  /** All identities of a tenant. */
  identities(tenant: string): Promise<readonly Identity[]>
  /**
   * Gives an identity to a tenant, with an entry in the audit. Does nothing when it has it, with this role.
   *
   * @throws {TenancyError} `TENANT_EXISTS` when it is another tenant's; `TENANT_NOT_FOUND`.
   */
  addIdentity(tenant: string, identity: Identity, act: Act): Promise<void>
  /** Takes it away again, with an entry in the audit. Does nothing when the tenant has no such identity. */
  removeIdentity(tenant: string, identity: Identity, act: Act): Promise<void>
}

export function identitiesOf(terms: ChangeTerms): Identities {
  const { pool, db, ready } = terms
  const oneOf = (tenant: string, { issuer, claim = '', value }: Identity) =>
    db
      .deleteFrom('registry_identities')
      .where('tenant', '=', tenant)
      .where('issuer', '=', issuer)
      .where('claim', '=', claim)
      .where('value', '=', value)

  return {
    async identityClaims(issuer) {
      await ready()
      const own = db.selectFrom('registry_identities').select('claim').distinct().where('issuer', '=', issuer)
      return (await rowsOf(asking(pool), own.where('claim', '<>', ''))).map(({ claim }) => claim)
    },
    async findIdentities(issuer, values) {
      await ready()
      const asked = values.filter(({ claim, value }) => claim !== '' && !`${claim}${value}`.includes('\0'))
      if (asked.length === 0) return []
      const [claims, texts] = [asked.map(({ claim }) => claim), asked.map(({ value }) => value)]
      const of = sql<{ claim: string; value: string }>`unnest(${claims}::text[], ${texts}::text[])`.as<'v'>(
        sql`v (claim, value)`,
      )
      const found = db
        .selectFrom(of)
        .innerJoin('registry_identities as i', join =>
          join.onRef('i.claim', '=', 'v.claim').onRef('i.value', '=', 'v.value'),
        )
        .select(['i.claim', 'i.value', 'i.tenant', 'i.role'])
      return rowsOf(asking(pool), found.where('i.issuer', '=', issuer))
    },
    async findByIdentity({ issuer, claim = '', value }) {
      await ready()
      if (`${issuer}${claim}${value}`.includes('\0')) return undefined
      const found = selectTenants(db)
        .innerJoin('registry_identities as i', 'i.tenant', 't.id')
        .where('i.issuer', '=', issuer)
        .where('i.claim', '=', claim)
        .where('i.value', '=', value)
      const [row] = await rowsOf(asking(pool), found)
      return row && tenantOf(row as TenantRow)
    },
    async identities(tenant) {
      await ready()
      const own = db.selectFrom('registry_identities').select(['issuer', 'claim', 'value', 'role'])
      const of = own.where('tenant', '=', tenant).orderBy('issuer').orderBy('claim').orderBy('value')
      const rows = await rowsOf(asking(pool), of)
      return rows.map(({ issuer, claim, value, role }) => ({
        ...{ issuer, value, ...(claim !== '' && { claim }), ...(role !== null && { role }) },
      }))
    },
    addIdentity(tenant, { issuer, claim = '', value, role = null }, act) {
      const entry = {
        action: 'tenant.identity.add',
        tenant,
        details: { issuer, value, ...(claim !== '' && { claim }), ...(role !== null && { role }) },
      }
      return changeByHand(terms, entry, act, async query => {
        if ((await readTenant(query, db, tenant)) === undefined)
          throw new TenancyError('TENANT_NOT_FOUND', { key: `id ${tenant}` })
        const insert = db.insertInto('registry_identities').values({ issuer, claim, value, tenant, role })
        const added = await rowsOf(query, insert.onConflict(conflict => conflict.doNothing()).returning('tenant'))
        if (added.length > 0) return true
        const same = db
          .selectFrom('registry_identities')
          .select(['tenant', 'role'])
          .where('issuer', '=', issuer)
          .where('claim', '=', claim)
          .where('value', '=', value)
        const [owner] = await rowsOf(query, same)
        if (owner?.tenant !== tenant)
          throw new TenancyError('TENANT_EXISTS', { field: 'identity', value: `${issuer}, ${value}` })
        if (owner.role === role) return false
        await rowsOf(query, oneOf(tenant, { issuer, claim, value }))
        await rowsOf(query, insert)
        return true
      })
    },
    removeIdentity(tenant, { issuer, claim = '', value }, act) {
      const entry = {
        action: 'tenant.identity.remove',
        tenant,
        details: { issuer, value, ...(claim !== '' && { claim }) },
      }
      return changeByHand(terms, entry, act, async query => {
        return (await rowsOf(query, oneOf(tenant, { issuer, claim, value }).returning('tenant'))).length > 0
      })
    },
  }
}
