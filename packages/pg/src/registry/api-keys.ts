import { type ApiKeyRecord, type ApiKeyStore, type ApiKeyUse, checkWholeNumbers, TenancyError } from '@tenantry/core'
import { sql } from 'kysely'
import { asking } from './ask.ts'
import { type Act, type ChangeTerms, changeByHand } from './change-by-hand.ts'
import { rowsOf } from './tables.ts'
import { readTenant } from './tenant-write.ts'

/** API keys in the registry: an {@link ApiKeyStore}, and what is done to keys. Each change has an entry in the audit, and is told on the bus. */
export interface PostgresApiKeys extends ApiKeyStore {
  noteUses(uses: readonly ApiKeyUse[]): Promise<void>
  /** All keys of a tenant, the oldest first, also those that are good no more. */
  list(tenant: string): Promise<readonly ApiKeyRecord[]>
  /** @throws {TenancyError} `TENANT_NOT_FOUND`; `INPUT_INVALID` for a record that is malformed, or whose id or hash is there already. */
  add(record: ApiKeyRecord, act: Act): Promise<void>
  /** Refuses a key of the tenant from now on. Idempotent; an id that no key of this tenant has is none to refuse. */
  revoke(tenant: string, id: string, act: Act): Promise<void>
  /**
   * Puts another key in the place of one, both or neither: the old one is good for `overlap` milliseconds more, or until it would have ended.
   *
   * @throws {TenancyError} as {@link PostgresApiKeys.add}; `INPUT_INVALID` when the old one is not a good key of this tenant.
   */
  replace(id: string, next: ApiKeyRecord, options: { readonly overlap: number }, act: Act): Promise<void>
}

const columns = ['id', 'tenant', 'hash', 'scopes', 'created_at', 'expires_at', 'revoked_at', 'last_used_at'] as const

interface Row {
  readonly id: string
  readonly tenant: string
  readonly hash: string
  readonly scopes: readonly string[] | null
  readonly created_at: Date
  readonly expires_at: Date | null
  readonly revoked_at: Date | null
  readonly last_used_at: Date | null
}

function recordOf(row: Row): ApiKeyRecord {
  const { id, tenant: tenantId, hash, scopes } = row
  return Object.freeze({
    ...{ id, tenantId, hash, createdAt: row.created_at.getTime() },
    ...(scopes !== null && { scopes: Object.freeze([...scopes]) }),
    ...(row.expires_at !== null && { expiresAt: row.expires_at.getTime() }),
    ...(row.revoked_at !== null && { revokedAt: row.revoked_at.getTime() }),
    ...(row.last_used_at !== null && { lastUsedAt: row.last_used_at.getTime() }),
  })
}

function rowOf({ id, tenantId, hash, scopes, createdAt, expiresAt, revokedAt }: ApiKeyRecord): Row {
  const bad = (field: string, rule: string) => new TenancyError('INPUT_INVALID', { field: `record.${field}`, rule })
  if (typeof id !== 'string' || id === '') throw bad('id', 'must name the key')
  if (!/^[0-9a-f]{64}$/.test(hash)) throw bad('hash', 'must be a SHA-256 in lower-case hexadecimal')
  for (const [field, time] of Object.entries({ createdAt, expiresAt, revokedAt }))
    if (time !== undefined && !Number.isSafeInteger(time)) throw bad(field, 'must be milliseconds since 1970')
  const at = (time: number | undefined) => (time === undefined ? null : new Date(time))
  return {
    ...{ id, tenant: tenantId, hash, scopes: scopes ?? null, last_used_at: null },
    ...{ created_at: new Date(createdAt), expires_at: at(expiresAt), revoked_at: at(revokedAt) },
  }
}

export function apiKeysOf(terms: ChangeTerms): PostgresApiKeys {
  const { pool, db, ready } = terms
  type Query = Parameters<Parameters<typeof changeByHand>[3]>[0]

  async function insert(query: Query, record: ApiKeyRecord): Promise<true> {
    if ((await readTenant(query, db, record.tenantId)) === undefined)
      throw new TenancyError('TENANT_NOT_FOUND', { key: `id ${record.tenantId}` })
    const added = db.insertInto('registry_api_keys').values(rowOf(record))
    const rows = await rowsOf(query, added.onConflict(conflict => conflict.doNothing()).returning('id'))
    if (rows.length === 0)
      throw new TenancyError('INPUT_INVALID', { field: 'record', rule: 'must have an id and a hash that no key has' })
    return true
  }

  return {
    async find(_tenant, hash) {
      await ready()
      const [row] = await rowsOf(
        asking(pool),
        db.selectFrom('registry_api_keys').select(columns).where('hash', '=', hash),
      )
      return row && recordOf(row)
    },
    async list(tenant) {
      await ready()
      const own = db.selectFrom('registry_api_keys').select(columns).where('tenant', '=', tenant)
      return (await rowsOf(asking(pool), own.orderBy('created_at').orderBy('id'))).map(recordOf)
    },
    async noteUses(uses) {
      await ready()
      if (uses.length === 0) return
      const [ids, times] = [uses.map(({ id }) => id), uses.map(({ at }) => new Date(at))]
      const used = sql<{ id: string; at: Date }>`unnest(${ids}::text[], ${times}::timestamptz[])`.as<'u'>(
        sql`u (id, at)`,
      )
      await rowsOf(
        asking(pool),
        db
          .updateTable('registry_api_keys')
          .from(used)
          .set(eb => ({ last_used_at: eb.ref('u.at') }))
          .whereRef('registry_api_keys.id', '=', 'u.id')
          .where(eb => eb.or([eb('last_used_at', 'is', null), eb('last_used_at', '<', eb.ref('u.at'))])),
      )
    },
    add(record, act) {
      const { id, tenantId: tenant } = record
      return changeByHand(terms, { action: 'tenant.api-key.add', tenant, details: { key: id } }, act, query =>
        insert(query, record),
      )
    },
    revoke(tenant, id, act) {
      return changeByHand(
        terms,
        { action: 'tenant.api-key.revoke', tenant, details: { key: id } },
        act,
        async query => {
          const revoked = db
            .updateTable('registry_api_keys')
            .set({ revoked_at: new Date() })
            .where('id', '=', id)
            .where('tenant', '=', tenant)
            .where('revoked_at', 'is', null)
          return (await rowsOf(query, revoked.returning('id'))).length > 0
        },
      )
    },
    replace(id, next, { overlap }, act) {
      checkWholeNumbers({ overlap }, 0)
      const details = { key: id, by: next.id, overlap }
      const entry = { action: 'tenant.api-key.replace', tenant: next.tenantId, details }
      return changeByHand(terms, entry, act, async query => {
        await insert(query, next)
        const ending = db
          .updateTable('registry_api_keys')
          .set({ expires_at: sql`least(expires_at, ${new Date(Date.now() + overlap)}::timestamptz)` })
          .where('id', '=', id)
          .where('tenant', '=', next.tenantId)
          .where('revoked_at', 'is', null)
        if ((await rowsOf(query, ending.returning('id'))).length === 0)
          throw new TenancyError('INPUT_INVALID', { field: 'id', rule: 'must be that of a good key of this tenant' })
        return true
      })
    },
  }
}
