import {
  type EnrolmentPool,
  type EnrolmentRedemption,
  type EnrolmentStore,
  type EnrolmentToken,
  TenancyError,
} from '@tenantry/core'
import { noHash } from './enrolment-secret.ts'

type Kept<T> = { -readonly [K in keyof T]: T[K] }
interface KeptRedemption extends Kept<EnrolmentRedemption> {
  attempt: number
  /** Milliseconds since 1970. */
  until: number
}

/** Pools and tokens in the memory of one process, gone with it: for tests and trials. Nothing in it waits, so that nothing comes between. */
export function memoryEnrolment(): EnrolmentStore {
  const pools = new Map<string, { pool: Kept<EnrolmentPool>; secretHash: string }>()
  const tokens = new Map<string, Kept<EnrolmentToken>>()
  const redemptions = new Map<string, KeptRedemption>()

  const ownPool = (tenantId: string, id: string) => {
    const found = pools.get(id)
    return found?.pool.tenantId === tenantId ? found : undefined
  }
  const isGood = ({ revokedAt, expiresAt, poolId }: EnrolmentToken, now: number) =>
    revokedAt === undefined &&
    (expiresAt === undefined || now < expiresAt) &&
    (poolId === undefined || pools.get(poolId)?.pool.revokedAt === undefined)

  function add(token: EnrolmentToken, hash: string): EnrolmentToken {
    tokens.set(hash, { ...token })
    return { ...token }
  }

  return Object.freeze({
    addPool(wanted: Parameters<EnrolmentStore['addPool']>[0], secretHash: string) {
      const isTaken = [...pools.values()].some(
        ({ pool }) => pool.tenantId === wanted.tenantId && pool.name === wanted.name,
      )
      if (isTaken)
        throw new TenancyError('INPUT_INVALID', { field: 'name', rule: 'is taken by another pool of this tenant' })
      const pool = { ...wanted, createdAt: Date.now() }
      pools.set(pool.id, { pool, secretHash })
      return { ...pool }
    },
    pool: (id: string) => copy(pools.get(id)?.pool),
    pools: (tenantId: string) =>
      [...pools.values()]
        .filter(({ pool }) => pool.tenantId === tenantId)
        .map(({ pool }) => ({ ...pool }))
        .sort((a, b) => (a.name < b.name ? -1 : 1)),
    setPoolSecret(tenantId: string, poolId: string, secretHash: string) {
      const found = ownPool(tenantId, poolId)
      if (found === undefined || found.pool.revokedAt !== undefined) return false
      found.secretHash = secretHash
      return true
    },
    revokePool(tenantId: string, poolId: string) {
      const found = ownPool(tenantId, poolId)
      if (found !== undefined) found.pool.revokedAt ??= Date.now()
      return found !== undefined
    },
    issue(poolId: string, secretHash: string, { id, label }: Pick<EnrolmentToken, 'id' | 'label'>, hash: string) {
      const { pool, secretHash: own } = pools.get(poolId) ?? {}
      if (pool === undefined || pool.revokedAt !== undefined || secretHash !== own || own === noHash) return undefined
      const { tenantId, group, ttl } = pool
      const now = Date.now()
      const uses = { maxUses: 1, uses: 0, createdAt: now, expiresAt: now + ttl }
      return add({ id, label, tenantId, poolId, group, ...uses }, hash)
    },
    addToken({ lifetime, ...wanted }: Parameters<EnrolmentStore['addToken']>[0], hash: string) {
      const createdAt = Date.now()
      return add({ ...wanted, uses: 0, createdAt, ...(lifetime && { expiresAt: createdAt + lifetime }) }, hash)
    },
    token: (hash: string) => copy(tokens.get(hash)),
    tokens: (tenantId: string) =>
      [...tokens.values()]
        .filter(token => token.tenantId === tenantId)
        .map(token => ({ ...token }))
        .reverse(),
    revokeToken(tenantId: string, tokenId: string) {
      const found = [...tokens.values()].find(token => token.id === tokenId && token.tenantId === tenantId)
      if (found !== undefined) found.revokedAt ??= Date.now()
      return found !== undefined
    },
    redemptions: (tenantId: string, tokenId: string) =>
      [...tokens.values()].some(token => token.id === tokenId && token.tenantId === tenantId)
        ? [...redemptions.values()].filter(one => one.tokenId === tokenId).map(({ attempt, until, ...rest }) => rest)
        : [],
    reserve(hash: string, redeemer: string, redemption: string, lease: number) {
      const token = tokens.get(hash)
      const now = Date.now()
      if (token === undefined || !isGood(token, now)) return undefined
      const own = [...redemptions.values()].find(one => one.tokenId === token.id && one.redeemer === redeemer)
      if (own !== undefined) {
        if (own.consumedAt !== undefined || now < own.until) return undefined
        own.attempt += 1
        own.until = now + lease
        return { redemption: own.id, number: own.attempt, token: { ...token } }
      }
      if (token.uses >= token.maxUses) return undefined
      token.uses += 1
      const begun = { id: redemption, tokenId: token.id, redeemer, reservedAt: now, attempt: 1, until: now + lease }
      redemptions.set(redemption, begun)
      return { redemption, number: 1, token: { ...token } }
    },
    consume({ redemption, number }: { redemption: string; number: number }) {
      const found = redemptions.get(redemption)
      if (found === undefined || found.attempt !== number || found.consumedAt !== undefined) return false
      found.consumedAt = Date.now()
      return true
    },
    giveUp({ redemption, number }: { redemption: string; number: number }) {
      const found = redemptions.get(redemption)
      if (found?.attempt === number) found.until = 0
    },
    isBound: (redeemer: string) =>
      [...redemptions.values()].some(one => one.redeemer === redeemer && one.consumedAt !== undefined),
  })
}

function copy<T extends object>(value: T | undefined): T | undefined {
  return value === undefined ? undefined : { ...value }
}
