import type { AuditEntry } from '@tenantry/core'
import type pg from 'pg'
import { inTransaction } from '../in-transaction.ts'
import type { Query } from '../query.ts'
import { writeAudit } from './audit-entry.ts'
import { registryError } from './registry-error.ts'
import type { Registry } from './tables.ts'

/** Who does something to the registry, and why. */
export interface Act {
  readonly actor: string
  readonly reason?: string
}

/** Where such changes are written. */
export interface ChangeTerms {
  readonly pool: pg.Pool
  readonly db: Registry
  readonly ready: () => Promise<void>
}

/** A change of what hangs on a tenant, with its audit entry or not at all. No entry is written for what changed nothing. */
export async function changeByHand(
  { pool, db, ready }: ChangeTerms,
  entry: Omit<AuditEntry, keyof Act> & { readonly tenant: string },
  { actor, reason }: Act,
  work: (query: Query) => Promise<boolean>,
): Promise<void> {
  await ready()
  try {
    await inTransaction(pool, async query => {
      if (await work(query)) await writeAudit(query, db, { ...entry, actor, ...(reason !== undefined && { reason }) })
    })
  } catch (error) {
    throw registryError(error, { tenant: entry.tenant, operation: entry.action })
  }
}
