import { z } from 'zod'
import { TenancyError } from './errors.ts'
import { tenantIdSchema } from './tenant-input.ts'

/** What a job carries of its tenant: plain JSON, and nothing but the id. Status and placement are read again on the way out. */
export interface TenantEnvelope {
  readonly v: 1
  readonly tenant: string
}

const envelopeSchema = z.strictObject({ v: z.literal(1, 'must be version 1'), tenant: tenantIdSchema })

/**
 * Reads an envelope off a job.
 *
 * @throws {TenancyError} `ENVELOPE_INVALID` for anything but an envelope of a version that this release knows.
 */
export function readEnvelope(value: unknown): TenantEnvelope {
  const result = envelopeSchema.safeParse(value)
  if (result.success) return result.data
  const issue = result.error.issues[0]
  const field = issue?.path.map(String).join('.')
  throw new TenancyError('ENVELOPE_INVALID', { rule: `${field ? `${field} ` : ''}${issue?.message ?? 'is malformed'}` })
}
