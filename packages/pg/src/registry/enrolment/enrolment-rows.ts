import type { EnrolmentPool, EnrolmentRedemption, EnrolmentToken } from '@tenantry/core'

const millis = (column: string) => `floor(extract(epoch from ${column}) * 1000)::float8`

/** What is read of a pool. Never the hash of its secret. */
export const poolColumns = (p: string): string =>
  `${p}.id, ${p}.tenant, ${p}.name, ${p}.default_group, ${p}.ttl::float8 as ttl,
   ${millis(`${p}.created_at`)} as created_at, ${millis(`${p}.revoked_at`)} as revoked_at`

/** What is read of a token. Never its hash. */
export const tokenColumns = (k: string): string =>
  `${k}.id, ${k}.tenant, ${k}.pool, ${k}.default_group, ${k}.label, ${k}.max_uses, ${k}.uses,
   ${millis(`${k}.created_at`)} as created_at, ${millis(`${k}.expires_at`)} as expires_at, ${millis(`${k}.revoked_at`)} as revoked_at`

export const redemptionColumns = (r: string): string =>
  `${r}.id, ${r}.token, ${r}.redeemer, ${millis(`${r}.reserved_at`)} as reserved_at, ${millis(`${r}.consumed_at`)} as consumed_at`

export interface PoolRow {
  readonly id: string
  readonly tenant: string
  readonly name: string
  readonly default_group: string | null
  readonly ttl: number
  readonly created_at: number
  readonly revoked_at: number | null
}

export interface TokenRow {
  readonly id: string
  readonly tenant: string
  readonly pool: string | null
  readonly default_group: string | null
  readonly label: string | null
  readonly max_uses: number
  readonly uses: number
  readonly created_at: number
  readonly expires_at: number | null
  readonly revoked_at: number | null
}

export interface RedemptionRow {
  readonly id: string
  readonly token: string
  readonly redeemer: string
  readonly reserved_at: number
  readonly consumed_at: number | null
}

export function poolOf(row: PoolRow): EnrolmentPool {
  const { id, tenant: tenantId, name, default_group: group, ttl, created_at: createdAt, revoked_at: revokedAt } = row
  return {
    id,
    tenantId,
    name,
    ttl,
    createdAt,
    ...(group !== null && { group }),
    ...(revokedAt !== null && { revokedAt }),
  }
}

export function tokenOf(row: TokenRow): EnrolmentToken {
  const { id, tenant: tenantId, pool: poolId, default_group: group, label, max_uses: maxUses, uses } = row
  const { created_at: createdAt, expires_at: expiresAt, revoked_at: revokedAt } = row
  const some = Object.entries({ poolId, group, label, expiresAt, revokedAt }).filter(([, value]) => value !== null)
  return { id, tenantId, maxUses, uses, createdAt, ...Object.fromEntries(some) }
}

export function redemptionOf(row: RedemptionRow): EnrolmentRedemption {
  const { id, token: tokenId, redeemer, reserved_at: reservedAt, consumed_at: consumedAt } = row
  return { id, tokenId, redeemer, reservedAt, ...(consumedAt !== null && { consumedAt }) }
}
