import { deepFreeze } from '../deep-freeze.ts'
import { isTenancyError, TenancyError } from '../errors.ts'
import type { Json } from '../json.ts'
import type { Tenant } from '../tenant.ts'
import type { Operation } from './tenant-store.ts'

/** Where an operation stopped, and why: safe to keep, to show to operators and to log. */
export interface Failure {
  readonly step: string
  readonly reason: string
}

/**
 * What may be kept of an error. Messages of drivers and of the application's own code may hold secrets, so that only names and codes
 * are kept of those; the error itself is the `cause` of what the caller gets.
 */
export function failureOf(step: string, error: unknown): Failure {
  if (isTenancyError(error)) return { step, reason: error.message }
  if (!(error instanceof Error)) return { step, reason: 'no error was thrown, but something else' }
  const code = 'code' in error && /^[A-Za-z0-9_]{1,40}$/.test(String(error.code)) ? ` ${error.code}` : ''
  return { step, reason: `${error.name.slice(0, 80)}${code}` }
}

/** The same for a log. */
export function reasonOf(error: unknown): string {
  return failureOf('', error).reason
}

/** The outcome of an operation that has ended well. */
export function outcomeOf(tenant: Tenant): Json {
  return { tenant: JSON.parse(JSON.stringify(tenant)) as Json }
}

/** The outcome of one that has failed. */
export function failedOutcome({ step, reason }: Failure): Json {
  return { step, reason }
}

/**
 * What the caller of an operation that has ended is given: the same to everybody who asks with its key.
 *
 * @throws {TenancyError} `OPERATION_FAILED`
 */
export function readOutcome(operation: Operation, cause?: unknown): Tenant {
  const outcome = operation.outcome as
    | { readonly tenant?: Tenant; readonly step?: string; readonly reason?: string }
    | undefined
  if (operation.state === 'done' && outcome?.tenant !== undefined) return deepFreeze(structuredClone(outcome.tenant))
  const { id, tenant } = operation
  const { step = 'an unknown step', reason = 'unknown' } = outcome ?? {}
  throw new TenancyError(
    'OPERATION_FAILED',
    { tenant, operation: id, step, reason },
    cause === undefined ? {} : { cause },
  )
}
