import { checkWholeNumbers, type Json } from '@tenantry/core'
import { sql } from 'kysely'
import { inTransaction } from '../in-transaction.ts'
import type { Query } from '../query.ts'
import { asking } from './ask.ts'
import { auditHash, beforeTheFirst } from './audit-hash.ts'
import type { ChangeTerms } from './change-by-hand.ts'
import { auditTimeSql } from './schema/audit-sql.ts'
import { type Registry, rowsOf } from './tables.ts'

/** The newest entry of the chain. Kept elsewhere, it shows later that nothing up to it was changed or cut off. */
export interface AuditHead {
  /** 0 before the first entry. */
  readonly sequence: number
  /** SHA-256, in hex. */
  readonly hash: string
}

/** An entry as it was written. */
export interface AuditRecord extends AuditHead {
  /** RFC 3339 with microseconds, UTC, by the server's clock. */
  readonly at: string
  /** The database role that wrote it. */
  readonly writtenBy: string
  readonly action: string
  readonly actor: string
  readonly tenant?: string
  readonly reason?: string
  readonly details?: Json
}

/** What a verification found. */
export type AuditVerdict =
  | { readonly ok: true; readonly entries: number; readonly head: AuditHead }
  /** The first entry that is not what was written, and why; `entries` are those before it. */
  | { readonly ok: false; readonly entries: number; readonly sequence: number; readonly problem: string }

/** Reading the audit. */
export interface AuditTrail {
  /** Entries in the order in which they were written, behind `after`; of one tenant, or all. `limit` is at most 1,000 (default 100). */
  auditTrail(options?: {
    readonly tenant?: string
    readonly after?: number
    readonly limit?: number
  }): Promise<readonly AuditRecord[]>
  /**
   * Computes the whole chain anew, and so finds an entry that was changed, removed, put in, moved or cut off.
   *
   * Whoever owns the database can write a whole new chain, or cut the end off with its head: that is found with an `anchor` only, the head
   * that an earlier verification gave, kept where that owner cannot write.
   */
  verifyAudit(options?: { readonly anchor?: AuditHead }): Promise<AuditVerdict>
}

const pageSize = 1_000

export function auditTrail({ pool, db, ready }: ChangeTerms): AuditTrail {
  return {
    async auditTrail({ tenant, after = 0, limit = 100 } = {}) {
      checkWholeNumbers({ limit })
      checkWholeNumbers({ after }, 0)
      await ready()
      const entries = selectEntries(db, after, Math.min(limit, pageSize))
      const found = await rowsOf(asking(pool), tenant === undefined ? entries : entries.where('tenant', '=', tenant))
      return found.map(recordOf)
    },
    async verifyAudit({ anchor } = {}) {
      await ready()
      return inTransaction(pool, async query => {
        // The head and all entries as of one moment, while others go on writing.
        await query('set transaction isolation level repeatable read, read only')
        return verifyChain(query, db, anchor)
      })
    },
  }
}

function selectEntries(db: Registry, after: number, limit: number) {
  return db
    .selectFrom('registry_audit')
    .select(['sequence', 'written_by', 'action', 'actor', 'tenant', 'reason', 'previous', 'hash'])
    .select([sql<string>`${sql.raw(auditTimeSql('at'))}`.as('at'), sql<string | null>`details::text`.as('details')])
    .where('sequence', '>', String(after))
    .orderBy('sequence')
    .limit(limit)
}

type EntryRow = Awaited<ReturnType<ReturnType<typeof selectEntries>['executeTakeFirstOrThrow']>>

function recordOf(row: EntryRow): AuditRecord {
  const { sequence, hash, at, written_by: writtenBy, action, actor, tenant, reason, details } = row
  return {
    ...{ sequence: Number(sequence), hash: hash.toString('hex'), at, writtenBy, action, actor },
    ...(tenant !== null && { tenant }),
    ...(reason !== null && { reason }),
    ...(details !== null && { details: JSON.parse(details) as Json }),
  }
}

async function verifyChain(query: Query, db: Registry, anchor: AuditHead | undefined): Promise<AuditVerdict> {
  let head: AuditHead = { sequence: 0, hash: beforeTheFirst }
  const broken = (sequence: number, problem: string): AuditVerdict => ({
    ok: false,
    entries: head.sequence,
    sequence,
    problem,
  })
  function missesAnchor(): boolean {
    return anchor !== undefined && anchor.sequence === head.sequence && anchor.hash !== head.hash
  }

  for (;;) {
    if (missesAnchor()) return broken(head.sequence, 'is not the one that the anchor names')
    const rows = await rowsOf(query, selectEntries(db, head.sequence, pageSize))
    for (const row of rows) {
      const next = head.sequence + 1
      if (row.sequence !== String(next)) return broken(next, 'is missing')
      if (row.previous.toString('hex') !== head.hash) return broken(next, 'does not follow the one before it')
      const hash = auditHash(row)
      if (row.hash.toString('hex') !== hash) return broken(next, 'was changed')
      head = { sequence: next, hash }
      if (missesAnchor()) return broken(next, 'is not the one that the anchor names')
    }
    if (rows.length < pageSize) break
  }
  const [told] = await rowsOf(query, db.selectFrom('registry_audit_head').select(['sequence', 'hash']))
  const cut = 'is missing: the end of the chain was cut off'
  if (anchor !== undefined && anchor.sequence > head.sequence) return broken(head.sequence + 1, cut)
  if (told?.sequence !== String(head.sequence) || told.hash.toString('hex') !== head.hash)
    return broken(head.sequence + 1, cut)
  return { ok: true, entries: head.sequence, head }
}
