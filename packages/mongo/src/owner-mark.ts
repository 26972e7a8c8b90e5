import { type Tenant, tenantDigest } from '@tenantry/core'
import type { Collection, Db } from 'mongodb'
import { reservedPrefix } from './fence/collection-name.ts'

/** What a database says of whose it is (D1, D13). It names the tenant by its digest, and holds nothing secret. */
interface OwnerMark {
  readonly _id: 'owner'
  readonly tenant: string
  /** `making` until all that provisioning makes is there. */
  readonly state: 'making' | 'ready'
}

/** The collection of the mark. The server's own user can write it; handles do not reach it. */
export const markCollection = `${reservedPrefix}identity`

const duplicateKey = 11000

/** Whose a database is, as far as one tenant is concerned. */
export type Ownership = 'ready' | 'making' | 'none' | 'foreign'

function marks(db: Db): Collection<OwnerMark> {
  return db.collection<OwnerMark>(markCollection, { readPreference: 'primary', readConcern: { level: 'local' } })
}

/** Reads the mark on the primary, so that no replica that lags can answer for it. */
export async function readMark(db: Db, { id }: Pick<Tenant, 'id'>): Promise<Ownership> {
  const mark = await marks(db).findOne({ _id: 'owner' })
  if (mark === null) return 'none'
  if (mark.tenant !== tenantDigest(id)) return 'foreign'
  return mark.state === 'ready' ? 'ready' : 'making'
}

/** Writes the mark where there is none. The id is one for all tenants: of two that come at once, one is told that it came late. */
export async function writeMark(db: Db, tenant: Pick<Tenant, 'id'>): Promise<Ownership> {
  try {
    const mark = { _id: 'owner', tenant: tenantDigest(tenant.id), state: 'making' } as const
    await marks(db).insertOne(mark, { writeConcern: { w: 'majority' } })
    return 'making'
  } catch (error) {
    if ((error as { code?: unknown }).code !== duplicateKey) throw error
    return readMark(db, tenant)
  }
}

/** Says that everything is there. */
export async function finishMark(db: Db, { id }: Pick<Tenant, 'id'>): Promise<void> {
  const own = { _id: 'owner', tenant: tenantDigest(id) } as const
  await marks(db).updateOne(own, { $set: { state: 'ready' } }, { writeConcern: { w: 'majority' } })
}
