import { createHash } from 'node:crypto'

/** What the first entry follows. */
export const beforeTheFirst = '00'.repeat(32)

/** What is hashed of an entry: texts as the server gives them. */
export interface HashedEntry {
  readonly sequence: string
  readonly at: string
  readonly written_by: string
  readonly action: string
  readonly actor: string
  readonly tenant: string | null
  readonly reason: string | null
  readonly details: string | null
  readonly previous: Buffer
}

/** The same as `registry_chain` computes in the database: SHA-256 over all fields, each with its length, so that none runs into the next. */
export function auditHash(entry: HashedEntry): string {
  const { sequence, at, written_by, action, actor, tenant, reason, details, previous } = entry
  const fields = [sequence, at, written_by, action, actor, tenant, reason, details, previous.toString('hex')]
  const text = ['tenantry-audit-1', ...fields]
    .map(field => (field === null ? '-,' : `${Buffer.byteLength(field)}:${field},`))
    .join('')
  return createHash('sha256').update(text).digest('hex')
}
