import type { Awaitable } from './awaitable.ts'

/** Issues tokens that all enrol into one tenant. Its secret is kept as a hash, and is no part of it. */
export interface EnrolmentPool {
  readonly id: string
  /** Never changes. */
  readonly tenantId: string
  /** Unique in its tenant. */
  readonly name: string
  /** Where those who enrol are put, in the application's words. */
  readonly group?: string | undefined
  /** Milliseconds that each of its tokens is good for from when it is issued; the pool itself has no end. */
  readonly ttl: number
  /** Milliseconds since 1970, as all times here. */
  readonly createdAt: number
  /** Since when it issues nothing, and none of its tokens is good. Absent: it is good. */
  readonly revokedAt?: number | undefined
}

/** Lets somebody into a tenant who has nothing yet. The token itself is kept as a hash, and is no part of it. */
export interface EnrolmentToken {
  readonly id: string
  /** Never changes; that of its pool, where it has one. */
  readonly tenantId: string
  readonly poolId?: string | undefined
  readonly group?: string | undefined
  /** For people. */
  readonly label?: string | undefined
  /** By how many it may be redeemed. */
  readonly maxUses: number
  /** By how many it was, those included who have not come to the end of it. */
  readonly uses: number
  readonly createdAt: number
  /** From when on it is refused. Absent: never. */
  readonly expiresAt?: number | undefined
  readonly revokedAt?: number | undefined
}

/** That a token was redeemed by somebody, or is being. */
export interface EnrolmentRedemption {
  /** The same however often it is tried: what is bound for it is bound once. */
  readonly id: string
  readonly tokenId: string
  /** What is bound, such as the thumbprint of a public key. */
  readonly redeemer: string
  readonly reservedAt: number
  /** When it had been bound. Absent: it has not come to its end, and only this redeemer may go on with it. */
  readonly consumedAt?: number | undefined
}

/** The right to bind a redeemer. */
export interface EnrolmentAttempt {
  readonly redemption: string
  /** Goes up with every attempt, so that one which was overtaken ends nothing. */
  readonly number: number
}

/**
 * Where pools and tokens of enrolment are kept: a port. Hashes are SHA-256 in 64 hexadecimal digits. Times are those of the store, so that
 * all processes have one clock.
 */
export interface EnrolmentStore {
  /** @throws {TenancyError} `INPUT_INVALID` when the tenant has a pool of this name; `TENANT_NOT_FOUND` where the store knows tenants. */
  addPool(
    pool: Pick<EnrolmentPool, 'id' | 'tenantId' | 'name' | 'group' | 'ttl'>,
    secretHash: string,
  ): Awaitable<EnrolmentPool>
  /** The pool, whether it is good or not. */
  pool(id: string): Awaitable<EnrolmentPool | undefined>
  /** All pools of a tenant, by name. */
  pools(tenantId: string): Awaitable<readonly EnrolmentPool[]>
  /** Replaces the secret of a pool that is good. @returns whether the tenant has one of this id. */
  setPoolSecret(tenantId: string, poolId: string, secretHash: string): Awaitable<boolean>
  /** For ever, with all its tokens, at once for every process. @returns whether the tenant has one of this id. */
  revokePool(tenantId: string, poolId: string): Awaitable<boolean>
  /**
   * Adds a token of a pool, with the pool's tenant and group, which ends after the pool's `ttl`.
   *
   * @returns `undefined` unless there is such a pool, it is good, this is its secret, and its tenant is active where the store knows that:
   * looked at in the same step.
   */
  issue(
    poolId: string,
    secretHash: string,
    token: Pick<EnrolmentToken, 'id' | 'label'>,
    hash: string,
  ): Awaitable<EnrolmentToken | undefined>
  /** Adds a token of no pool. `lifetime` in milliseconds; absent: it has no end. @throws {TenancyError} `TENANT_NOT_FOUND` */
  addToken(
    token: Pick<EnrolmentToken, 'id' | 'tenantId' | 'group' | 'label' | 'maxUses'> & {
      readonly lifetime?: number | undefined
    },
    hash: string,
  ): Awaitable<EnrolmentToken>
  /** The token with this hash, whether it is good or not. */
  token(hash: string): Awaitable<EnrolmentToken | undefined>
  /** All tokens of a tenant, the newest first. */
  tokens(tenantId: string): Awaitable<readonly EnrolmentToken[]>
  /** For ever, at once for every process. @returns whether the tenant has one of this id. */
  revokeToken(tenantId: string, tokenId: string): Awaitable<boolean>
  /** Who redeemed a token of this tenant, in order. */
  redemptions(tenantId: string, tokenId: string): Awaitable<readonly EnrolmentRedemption[]>
  /**
   * Takes a use of a token for a redeemer, or goes on with the one that this redeemer has taken and not ended, when nobody is at it.
   * Looked at and taken in one step: of any number that ask at once for the last use, one gets it.
   *
   * @param redemption - the id of the redemption, if this begins one.
   * @param lease - milliseconds for which nobody else goes on with it.
   * @returns `undefined` for a token that is unknown, expired, used up or revoked, or whose pool is, or whose tenant is not active where the
   * store knows that; for one that this redeemer has redeemed; and while an attempt is under way.
   */
  reserve(
    hash: string,
    redeemer: string,
    redemption: string,
    lease: number,
  ): Awaitable<(EnrolmentAttempt & { readonly token: EnrolmentToken }) | undefined>
  /** Notes that the redeemer is bound. @returns `false` when the attempt was overtaken, and nothing was noted. */
  consume(attempt: EnrolmentAttempt): Awaitable<boolean>
  /** Ends an attempt that came to nothing: its redeemer, and nobody else, may go on at once. */
  giveUp(attempt: EnrolmentAttempt): Awaitable<void>
  /** Whether this redeemer was bound by any token that is or was. */
  isBound(redeemer: string): Awaitable<boolean>
}
