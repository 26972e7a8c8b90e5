import { z } from 'zod'
import { TenancyError } from './errors.ts'
import type { ImpersonationEvidence } from './evidence.ts'
import { actorsShape } from './impersonation.ts'
import { tenantIdSchema } from './tenant-input.ts'

/**
 * What a job carries of its tenant: plain JSON, and nothing but the id. Status and placement are read again on the way out.
 *
 * Version 2 is of an impersonation: what is done later is done by the same two actors, and not behind the same end. An older release
 * refuses it.
 */
export type TenantEnvelope =
  | { readonly v: 1; readonly tenant: string }
  | { readonly v: 2; readonly tenant: string; readonly impersonation: ImpersonationEvidence }

const version = z.literal(1, 'must be version 1 or 2')
const impersonation = z.strictObject({ ...actorsShape, until: z.int('must be milliseconds since 1970') })
const envelopeSchema = z.union([
  z.strictObject({ v: z.literal(2), tenant: tenantIdSchema, impersonation }),
  z.strictObject({ v: version, tenant: tenantIdSchema }),
])

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
