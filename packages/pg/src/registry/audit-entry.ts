import type { AuditEntry } from '@tenantry/core'
import type { Query } from '../query.ts'
import { type Registry, rowsOf } from './tables.ts'

/**
 * Appends to the chain. Everybody who does so waits here for whoever did before, until that transaction ends: it is the last thing that a
 * transaction writes.
 */
export async function writeAudit(query: Query, db: Registry, entry: AuditEntry): Promise<void> {
  const { action, actor, tenant = null, reason = null, details } = entry
  await rowsOf(
    query,
    db
      .insertInto('registry_audit')
      .values({ action, actor, tenant, reason, details: details === undefined ? null : JSON.stringify(details) }),
  )
}
