import { type EnrolmentStore, TenancyError } from '@tenantry/core'
import type pg from 'pg'
import { isServerError } from '../../database-error.ts'
import { quoteIdentifier } from '../../identifier.ts'
import { ask } from '../ask.ts'
import { registryError } from '../registry-error.ts'
import {
  type PoolRow,
  poolColumns,
  poolOf,
  type RedemptionRow,
  redemptionColumns,
  redemptionOf,
  type TokenRow,
  tokenColumns,
  tokenOf,
} from './enrolment-rows.ts'
import { issueSql, reserveSql } from './enrolment-statements.ts'

/** What the store works with. */
export interface EnrolmentTerms {
  readonly pool: pg.Pool
  readonly schema: string
  readonly ready: () => Promise<void>
}

// foreign_key_violation, unique_violation (errcodes, appendix A).
const noSuchTenant = '23503'
const taken = '23505'

/** Pools and tokens in the tables of the registry. Nothing is kept in memory: what is revoked is so for every process at once. */
export function postgresEnrolment({ pool, schema, ready }: EnrolmentTerms): EnrolmentStore {
  const s = quoteIdentifier(schema)

  async function send<Row extends pg.QueryResultRow>(text: string, values: readonly unknown[]): Promise<Row[]> {
    await ready()
    try {
      return await ask<Row>(pool, { text, values: [...values] })
    } catch (error) {
      throw registryError(error, { tenant: '', operation: 'enrolment' })
    }
  }

  /** For what hangs on a tenant: whether there is one is the foreign key's word. */
  async function insert<Row extends pg.QueryResultRow>(tenant: string, text: string, values: unknown[]): Promise<Row> {
    try {
      const [row] = await send<Row>(text, values)
      if (row === undefined) throw new Error('What was inserted did not come back.')
      return row
    } catch (error) {
      if (isServerError(error) && error.code === noSuchTenant)
        throw new TenancyError('TENANT_NOT_FOUND', { key: `id ${tenant}` }, { cause: error })
      if (isServerError(error) && error.constraint === 'registry_enrolment_pools_name')
        throw new TenancyError('INPUT_INVALID', { field: 'name', rule: 'is taken by another pool of this tenant' })
      throw error
    }
  }

  async function revoke(table: 'pools' | 'tokens', tenant: string, id: string): Promise<boolean> {
    const own = `${s}.registry_enrolment_${table}`
    await send(
      `update ${own} set revoked_at = clock_timestamp() where tenant = $1 and id = $2 and revoked_at is null`,
      [tenant, id],
    )
    return (await send(`select from ${own} where tenant = $1 and id = $2`, [tenant, id])).length > 0
  }

  return Object.freeze<EnrolmentStore>({
    async addPool({ id, tenantId, name, group, ttl }, secretHash) {
      const text = `insert into ${s}.registry_enrolment_pools as p (id, tenant, name, default_group, ttl, secret_hash)
        values ($1, $2, $3, $4, $5, $6) returning ${poolColumns('p')}`
      return poolOf(await insert<PoolRow>(tenantId, text, [id, tenantId, name, group, ttl, secretHash]))
    },
    async pool(id) {
      const text = `select ${poolColumns('p')} from ${s}.registry_enrolment_pools p where p.id = $1`
      const [row] = await send<PoolRow>(text, [id])
      return row && poolOf(row)
    },
    async pools(tenantId) {
      const text = `select ${poolColumns('p')} from ${s}.registry_enrolment_pools p where p.tenant = $1 order by p.name`
      return (await send<PoolRow>(text, [tenantId])).map(poolOf)
    },
    async setPoolSecret(tenantId, poolId, secretHash) {
      const text = `update ${s}.registry_enrolment_pools set secret_hash = $3
        where tenant = $1 and id = $2 and revoked_at is null returning id`
      return (await send(text, [tenantId, poolId, secretHash])).length > 0
    },
    revokePool: (tenantId, poolId) => revoke('pools', tenantId, poolId),
    async issue(poolId, secretHash, { id, label }, hash) {
      const [row] = await send<TokenRow>(issueSql(s), [poolId, secretHash, id, label, hash])
      return row && tokenOf(row)
    },
    async addToken({ id, tenantId, group, label, maxUses, lifetime }, hash) {
      const text = `insert into ${s}.registry_enrolment_tokens as k (id, hash, tenant, default_group, label, max_uses, expires_at)
        values ($1, $2, $3, $4, $5, $6, clock_timestamp() + $7::float8 * interval '1 ms') returning ${tokenColumns('k')}`
      return tokenOf(await insert<TokenRow>(tenantId, text, [id, hash, tenantId, group, label, maxUses, lifetime]))
    },
    async token(hash) {
      const text = `select ${tokenColumns('k')} from ${s}.registry_enrolment_tokens k where k.hash = $1`
      const [row] = await send<TokenRow>(text, [hash])
      return row && tokenOf(row)
    },
    async tokens(tenantId) {
      const text = `select ${tokenColumns('k')} from ${s}.registry_enrolment_tokens k where k.tenant = $1
        order by k.created_at desc, k.id`
      return (await send<TokenRow>(text, [tenantId])).map(tokenOf)
    },
    revokeToken: (tenantId, tokenId) => revoke('tokens', tenantId, tokenId),
    async redemptions(tenantId, tokenId) {
      const text = `select ${redemptionColumns('r')} from ${s}.registry_enrolment_redemptions r
        join ${s}.registry_enrolment_tokens k on k.id = r.token where k.tenant = $1 and k.id = $2 order by r.reserved_at, r.id`
      return (await send<RedemptionRow>(text, [tenantId, tokenId])).map(redemptionOf)
    },
    async reserve(hash, redeemer, redemption, lease) {
      try {
        const [row] = await send<TokenRow & { redemption: string; number: number }>(reserveSql(s), [
          ...[hash, redeemer, redemption, lease],
        ])
        return row && { redemption: row.redemption, number: row.number, token: tokenOf(row) }
      } catch (error) {
        // Another attempt of the same redeemer was first. The use that this one took is given back with its statement.
        if (isServerError(error) && error.code === taken) return undefined
        throw error
      }
    },
    async consume({ redemption, number }) {
      const text = `update ${s}.registry_enrolment_redemptions set consumed_at = clock_timestamp()
        where id = $1 and attempt = $2 and consumed_at is null returning id`
      return (await send(text, [redemption, number])).length > 0
    },
    async giveUp({ redemption, number }) {
      const text = `update ${s}.registry_enrolment_redemptions set attempt_until = clock_timestamp()
        where id = $1 and attempt = $2 and consumed_at is null`
      await send(text, [redemption, number])
    },
    async isBound(redeemer) {
      const text = `select from ${s}.registry_enrolment_redemptions where redeemer = $1 and consumed_at is not null limit 1`
      return (await send(text, [redeemer])).length > 0
    },
  })
}
