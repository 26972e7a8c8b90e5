import { z } from 'zod'
import { TenancyError } from '../errors.ts'

/** Who does something to a tenant, and why. Both stand in the journal and in the audit. */
export interface LifecycleAccess {
  readonly actor: string
  readonly reason?: string
  /**
   * The idempotency key: 1–200 visible characters. The same key gives the same outcome, also that of an operation that failed; with
   * other parameters it is refused.
   */
  readonly key?: string
}

/** The same, for a change to a tenant that was read before. */
export interface ChangeAccess extends LifecycleAccess {
  /** The version that the change was made from; another one is refused (`If-Match`). */
  readonly expected?: number
}

const accessSchema = z.object({
  actor: z
    .string('must say who does it')
    .trim()
    .min(1, 'must say who does it')
    .max(200, 'must have at most 200 characters'),
  reason: z.string('must be text').trim().max(1_000, 'must have at most 1,000 characters').optional(),
  key: z
    .string('must be text')
    .regex(/^[\x21-\x7e]{1,200}$/, 'must be 1–200 visible ASCII characters')
    .optional(),
  expected: z.int('must be a version').positive('must be a version').optional(),
})

/**
 * Checks who does something, and why.
 *
 * @throws {TenancyError} `ARGUMENT_INVALID`
 */
export function checkAccess(access: ChangeAccess): ChangeAccess {
  const result = accessSchema.safeParse(access)
  if (result.success) return result.data as ChangeAccess
  const issue = result.error.issues[0]
  const field = issue?.path.map(String).join('.') || 'access'
  throw new TenancyError('ARGUMENT_INVALID', { field, rule: issue?.message ?? 'must be an object' })
}
