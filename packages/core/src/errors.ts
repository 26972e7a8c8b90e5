/**
 * Every error of Tenantry: code → HTTP status, a title that may be shown to anybody, and the message for developers,
 * whose argument type becomes {@link TenancyError.details}. Messages and details never carry a secret.
 *
 * `exposed` marks the codes whose message says only what the caller sent wrong, so that it may be shown to the caller.
 * `docs/errors.md` is made from this table, and a test holds the two equal.
 */
export const errors = {
  TENANT_CONTEXT_MISSING: {
    status: 500,
    title: 'No tenant in context.',
    message: (d: { scope: 'none' | 'system' }) =>
      d.scope === 'system'
        ? 'No tenant in context: the system scope has none. Enter one with tenancy.run(tenant, fn).'
        : 'No tenant in context. Wrap the work in tenancy.run(tenant, fn), or put the middleware in front of it.',
  },
  TENANT_SWITCHED: {
    status: 500,
    title: 'The tenant changed inside a unit of work.',
    message: (d: { from: string; to: string }) =>
      `Tenant "${d.to}" was entered inside the unit of work of tenant "${d.from}". Leave it first, or go through tenancy.runAsSystem().`,
  },
  TENANT_ABSENT: {
    status: 400,
    title: 'The request names no tenant.',
    message: (d: { tried: readonly string[] }) =>
      `The request names no tenant (tried: ${d.tried.join(', ') || 'nothing'}).`,
  },
  TENANT_CREDENTIALS_REQUIRED: {
    status: 401,
    title: 'The request names no tenant and carries no credentials.',
    message: (d: { tried: readonly string[] }) =>
      `The request carries nothing that identifies a tenant (tried: ${d.tried.join(', ') || 'nothing'}).`,
  },
  TENANT_NOT_FOUND: {
    status: 404,
    title: 'Unknown tenant.',
    message: (d: { key: string }) => `Unknown tenant (${d.key}).`,
  },
  TENANT_SUSPENDED: {
    status: 403,
    title: 'This tenant is suspended.',
    message: (d: { tenant: string }) => `Tenant "${d.tenant}" is suspended.`,
  },
  TENANT_NOT_READY: {
    status: 503,
    title: 'This tenant is not ready yet.',
    message: (d: { tenant: string; status: string }) =>
      `Tenant "${d.tenant}" cannot be served while it is ${d.status}.`,
  },
  TENANT_AMBIGUOUS: {
    status: 403,
    title: 'The request names more than one tenant.',
    message: (d: { sources: readonly string[] }) => `These sources name different tenants: ${d.sources.join(', ')}.`,
  },
  TENANT_UNVERIFIED: {
    status: 403,
    title: 'Nothing vouches for the tenant that the request names.',
    message: (d: { sources: readonly string[] }) =>
      `The tenant is only asserted (${d.sources.join(', ')}). Trust the source by its option, or add one that is verified.`,
  },
  CREDENTIAL_INVALID: {
    status: 401,
    title: 'The credentials are not valid.',
    message: (d: { source: string }) => `The credential given by ${d.source} is not valid.`,
  },
  REQUEST_INVALID: {
    status: 400,
    title: 'The request is malformed.',
    exposed: true,
    message: (d: { field: string; rule: string }) => `${d.field}: ${d.rule}.`,
  },
  INPUT_INVALID: {
    status: 400,
    title: 'The input is not valid.',
    exposed: true,
    message: (d: { field: string; rule: string }) => `${d.field}: ${d.rule}.`,
  },
  TENANT_EXISTS: {
    status: 409,
    title: 'A tenant with this name exists already.',
    message: (d: { field: 'id' | 'slug' | 'domain' | 'isDefault' | 'isControl'; value: string }) =>
      `Another tenant has this ${d.field} already: ${d.value}.`,
  },
  VERSION_CONFLICT: {
    status: 409,
    title: 'The tenant was changed in the meantime.',
    message: (d: { tenant: string; expected: number; actual: number }) =>
      `Tenant "${d.tenant}" is at version ${d.actual}, not ${d.expected}. Read it again and repeat the change.`,
  },
  CONFIG_INVALID: {
    status: 500,
    title: 'The configuration is not valid.',
    message: (d: { source: string; problems: readonly string[] }) =>
      `${d.source} is not valid:${d.problems.map(problem => `\n  - ${problem}`).join('')}`,
  },
  ENVELOPE_INVALID: {
    status: 400,
    title: 'The tenant envelope is not valid.',
    message: (d: { rule: string }) => `The tenant envelope is not valid: ${d.rule}. Make it with tenancy.capture().`,
  },
  FOR_EACH_FAILED: {
    status: 500,
    title: 'The work failed for some tenants.',
    message: (d: { failed: readonly string[]; total: number }) =>
      `The work failed for ${d.failed.length} of ${d.total} tenants: ${d.failed.join(', ')}. The causes are in error.cause.errors.`,
  },
  UNSAFE_CONFIGURATION: {
    status: 500,
    title: 'The isolation is not configured safely.',
    message: (d: {
      isolation: string
      findings: readonly { id: string; object: string; problem: string; fix: string }[]
    }) =>
      `${d.isolation} refuses to start, because tenants could reach each other's data:${d.findings
        .map(finding => `\n  - ${finding.id} ${finding.object}: ${finding.problem} Fix: ${finding.fix}`)
        .join('')}`,
  },
  ERASURE_INCOMPLETE: {
    status: 500,
    title: 'The tenant could not be erased.',
    message: (d: { tenant: string; objects: readonly string[] }) =>
      `Nothing of tenant "${d.tenant}" was erased, because these may not be deleted from: ${d.objects.join(', ')}.`,
  },
  SCOPE_CLOSED: {
    status: 500,
    title: 'A tenant handle was used after its end.',
    message: (d: { what: string }) => `${d.what} was used after its end. Nothing was sent. Ask for a new one.`,
  },
  SCOPE_MISMATCH: {
    status: 500,
    title: 'A connection of one tenant was used for another.',
    message: (d: { lease: string; current: string }) =>
      `This connection was leased for tenant "${d.lease}", but the unit of work belongs to tenant "${d.current}". Nothing was sent.`,
  },
  STATEMENT_REFUSED: {
    status: 500,
    title: 'The statement cannot be scoped to a tenant.',
    message: (d: { statement: string; reason: string; advice: string }) =>
      `${d.statement} was refused and not sent: ${d.reason}. ${d.advice}`,
  },
  IDENTIFIER_INVALID: {
    status: 400,
    title: 'The SQL identifier is not valid.',
    message: (d: { identifier: string; rule: string }) => `The SQL identifier ${d.identifier} is not valid: ${d.rule}.`,
  },
  DATABASE_UNAVAILABLE: {
    status: 503,
    title: 'The database cannot be reached.',
    message: (d: { reason: string }) => `The database cannot be reached (${d.reason}). The pool recovers by itself.`,
  },
  CONNECTION_LOST: {
    status: 503,
    title: 'The database connection was lost.',
    message: (d: { reason: string }) =>
      `The connection was lost or given up (${d.reason}). Whether the last statement ran is not known; the transaction did not commit unless COMMIT had been answered.`,
  },
} as const

/** A code of {@link errors}. `switch (error.code)` narrows {@link AnyTenancyError}. */
export type ErrorCode = keyof typeof errors

/** What an error of this code carries. */
export type ErrorDetails<C extends ErrorCode> = Parameters<(typeof errors)[C]['message']>[0]

/** The union of all errors, so that a `switch` on `code` narrows `details`. */
export type AnyTenancyError = { [C in ErrorCode]: TenancyError<C> }[ErrorCode]

// A brand instead of `instanceof`: two copies of the package in one process must still know each other's errors.
const brand = Symbol.for('@tenantry/core/error')

/**
 * The one error class of Tenantry.
 *
 * @example
 * throw new TenancyError('TENANT_NOT_FOUND', { key: 'slug acme' })
 */
export class TenancyError<C extends ErrorCode = ErrorCode> extends Error {
  readonly code: C
  /** HTTP status, RFC 9110 section 15. */
  readonly status: number
  readonly details: ErrorDetails<C>

  constructor(code: C, details: ErrorDetails<C>, options?: ErrorOptions) {
    // The table pairs each code with the details of its own message; TypeScript cannot follow that through an index.
    const entry = errors[code] as { status: number; message: (details: ErrorDetails<C>) => string }
    super(entry.message(details), options)
    this.code = code
    this.status = entry.status
    this.details = details
    Object.defineProperty(this, 'name', { value: 'TenancyError', configurable: true })
    Object.defineProperty(this, brand, { value: true })
  }
}

/** Whether a caught value is an error of Tenantry, from whichever copy of the package. */
export function isTenancyError(value: unknown): value is AnyTenancyError {
  return value instanceof Error && brand in value
}
