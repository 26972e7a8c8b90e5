/**
 * Every error of Tenantry: code → HTTP status, a title that may be shown to anybody, what to do next, and the message for
 * developers, whose argument type becomes {@link TenancyError.details}. Messages and details never carry a secret.
 *
 * `exposed` marks the codes whose message says only what the caller sent wrong, so that it may be shown to the caller.
 * `docs/errors.md` is made from this table, and a test holds the two equal.
 */
export const errors = {
  TENANT_CONTEXT_MISSING: {
    status: 500,
    title: 'No tenant in context.',
    next: 'Wrap the work in tenancy.run(tenant, fn), put the middleware in front of the route, or bind the callback with tenancy.bind. Nothing was sent.',
    message: (d: { scope: 'none' | 'system' }) =>
      d.scope === 'system' ? 'No tenant in context: the system scope has none.' : 'No tenant in context.',
  },
  SYSTEM_SCOPE_REQUIRED: {
    status: 500,
    title: 'This needs the system scope.',
    next: 'Wrap the work in tenancy.runAsSystem({ actor, reason }, fn), outside of tenants, and await in fn all that it does. Nothing was sent.',
    message: (d: { scope: 'none' | 'tenant' | 'ended' | 'unaudited' }) =>
      ({
        none: 'No system scope was entered.',
        tenant: "A tenant's unit of work is not the system scope.",
        ended: 'The system scope has ended.',
        unaudited: 'The tenancy has no audit log, so that nobody would know of it.',
      })[d.scope],
  },
  IMPERSONATION_ENDED: {
    status: 403,
    title: 'The impersonation has ended.',
    next: 'Begin another one, with a reason of its own. Nothing was sent.',
    message: (d: { tenant: string; actor: string; until: string }) =>
      `"${d.actor}" might act for others in tenant "${d.tenant}" until ${d.until}, or the end of the work, whichever came first.`,
  },
  TENANT_SWITCHED: {
    status: 500,
    title: 'The tenant changed inside a unit of work.',
    next: "Leave the first tenant's unit of work before entering the second, or go through tenancy.runAsSystem.",
    message: (d: { from: string; to: string }) =>
      `Tenant "${d.to}" was entered inside the unit of work of tenant "${d.from}".`,
  },
  TENANT_ABSENT: {
    status: 400,
    title: 'The request names no tenant.',
    next: "Call the tenant's own host or path; to serve such requests by a default tenant, set onUnresolved: 'default'.",
    message: (d: { tried: readonly string[] }) =>
      `The request names no tenant (tried: ${d.tried.join(', ') || 'nothing'}).`,
  },
  TENANT_CREDENTIALS_REQUIRED: {
    status: 401,
    title: 'The request names no tenant and carries no credentials.',
    next: 'Send a credential that names a tenant.',
    message: (d: { tried: readonly string[] }) =>
      `The request carries nothing that identifies a tenant (tried: ${d.tried.join(', ') || 'nothing'}).`,
  },
  TENANT_NOT_FOUND: {
    status: 404,
    title: 'Unknown tenant.',
    next: 'Check the spelling and the registry; tenancy.explain(request) says which source named it. An archived tenant answers the same.',
    message: (d: { key: string }) => `Unknown tenant (${d.key}).`,
  },
  TENANT_SUSPENDED: {
    status: 403,
    title: 'This tenant is suspended.',
    next: 'Make the tenant active again, or leave it.',
    message: (d: { tenant: string }) => `Tenant "${d.tenant}" is suspended.`,
  },
  TENANT_NOT_READY: {
    status: 503,
    title: 'This tenant is not ready yet.',
    next: 'Try again once it is active; if it is failed, provision it again.',
    message: (d: { tenant: string; status: string }) =>
      `Tenant "${d.tenant}" cannot be served while it is ${d.status}.`,
  },
  TENANT_AMBIGUOUS: {
    status: 403,
    title: 'The request names more than one tenant.',
    next: 'Make the sources agree: the host, the path and the credential must name one tenant.',
    message: (d: { sources: readonly string[] }) => `These sources name different tenants: ${d.sources.join(', ')}.`,
  },
  TENANT_UNVERIFIED: {
    status: 403,
    title: 'Nothing vouches for the tenant that the request names.',
    next: 'Add a verified source, or trust this one by its option if only a gateway can set it.',
    message: (d: { sources: readonly string[] }) => `The tenant is only asserted (${d.sources.join(', ')}).`,
  },
  CREDENTIAL_INVALID: {
    status: 401,
    title: 'The credentials are not valid.',
    next: 'Send a valid credential. A bad one never falls back to another source.',
    message: (d: { source: string }) => `The credential given by ${d.source} is not valid.`,
  },
  REQUEST_INVALID: {
    status: 400,
    title: 'The request is malformed.',
    next: 'Send the named field as the rule says.',
    exposed: true,
    message: (d: { field: string; rule: string }) => `${d.field}: ${d.rule}.`,
  },
  INPUT_INVALID: {
    status: 400,
    title: 'The input is not valid.',
    next: 'Give the named field as the rule says.',
    exposed: true,
    message: (d: { field: string; rule: string }) => `${d.field}: ${d.rule}.`,
  },
  PATH_INVALID: {
    status: 400,
    title: 'The name of the file is not valid.',
    next: 'Name the file as the rule says, and keep links out of the folders of tenants. Nothing was read or written.',
    exposed: true,
    message: (d: { rule: string }) => `The name of the file ${d.rule}.`,
  },
  ARGUMENT_INVALID: {
    status: 500,
    title: 'An interface of Tenantry was called wrongly.',
    next: 'Mend the call: the named argument must be as the rule says.',
    message: (d: { field: string; rule: string }) => `${d.field}: ${d.rule}.`,
  },
  TENANT_EXISTS: {
    status: 409,
    title: 'A tenant with this name exists already.',
    next: 'Choose another value for the named field.',
    message: (d: {
      field: 'id' | 'slug' | 'domain' | 'identity' | 'schema' | 'storageKey' | 'isDefault' | 'isControl'
      value: string
    }) => `Another tenant has this ${d.field} already: ${d.value}.`,
  },
  VERSION_CONFLICT: {
    status: 409,
    title: 'The tenant was changed in the meantime.',
    next: 'Read the tenant again and repeat the change.',
    message: (d: { tenant: string; expected: number; actual: number }) =>
      `Tenant "${d.tenant}" is at version ${d.actual}, not ${d.expected}.`,
  },
  CONFIG_INVALID: {
    status: 500,
    title: 'The configuration is not valid.',
    next: 'Mend every problem of the list; each names its place, none shows a value.',
    message: (d: { source: string; problems: readonly string[] }) =>
      `${d.source} is not valid:${d.problems.map(problem => `\n  - ${problem}`).join('')}`,
  },
  ENVELOPE_INVALID: {
    status: 400,
    title: 'The tenant envelope is not valid.',
    next: 'Put what tenancy.capture() gives into the job, unchanged.',
    message: (d: { rule: string }) => `The tenant envelope is not valid: ${d.rule}.`,
  },
  TRANSITION_REFUSED: {
    status: 409,
    title: 'This cannot be done to the tenant as it stands.',
    next: 'Look at the table of transitions; nothing was changed.',
    message: (d: { tenant: string; operation: string; rule: string }) =>
      `Tenant "${d.tenant}" cannot take part in "${d.operation}": ${d.rule}.`,
  },
  OPERATION_UNDERWAY: {
    status: 409,
    title: 'Something else is being done to the tenant.',
    next: 'Wait until it has ended; lifecycle.reconcile() ends what nobody works on any more. Nothing was changed.',
    message: (d: { tenant: string; operation: string; kind: string }) =>
      `Operation ${d.operation} ("${d.kind}") of tenant "${d.tenant}" has not ended.`,
  },
  OPERATION_TAKEN: {
    status: 503,
    title: 'Another process went on with the operation.',
    next: 'Ask for the outcome with the same idempotency key, or look at the operation.',
    message: (d: { operation: string }) => `Operation ${d.operation} was taken over by another process.`,
  },
  OPERATION_FAILED: {
    status: 500,
    title: 'The operation failed and was undone.',
    next: 'Mend what the reason says and repeat it with a new idempotency key; a tenant that could not be made takes lifecycle.retry.',
    message: (d: { tenant: string; operation: string; step: string; reason: string }) =>
      `Operation ${d.operation} of tenant "${d.tenant}" failed at ${d.step} (${d.reason}), and was undone.`,
  },
  OPERATION_INCOMPLETE: {
    status: 503,
    title: 'The operation has not ended.',
    next: 'Its status is set and holds; what is left is done by lifecycle.reconcile(), from any process.',
    message: (d: { tenant: string; operation: string; step: string; reason: string }) =>
      `Operation ${d.operation} of tenant "${d.tenant}" stands at ${d.step} (${d.reason}).`,
  },
  ERASURE_UNPROVEN: {
    status: 500,
    title: 'Something of the tenant is left.',
    next: 'See why it was not erased; the tenant is not gone until lifecycle.reconcile() finds nothing.',
    message: (d: { tenant: string; left: readonly string[] }) =>
      `Of tenant "${d.tenant}" is left: ${d.left.slice(0, 10).join(', ')}${d.left.length > 10 ? ` and ${d.left.length - 10} more` : ''}.`,
  },
  IDEMPOTENCY_CONFLICT: {
    status: 422,
    title: 'The idempotency key was used for something else.',
    next: 'Use a new key for new parameters. Nothing was changed.',
    exposed: true,
    message: (d: { operation: string }) =>
      `The idempotency key belongs to operation ${d.operation}, with other parameters.`,
  },
  CONFIRMATION_REQUIRED: {
    status: 400,
    title: 'This must be confirmed.',
    next: 'Look at lifecycle.preview(id) first. Nothing was changed.',
    exposed: true,
    message: (d: { tenant: string; expected: string }) =>
      `Tenant "${d.tenant}" is erased for ever; confirm it with its slug, "${d.expected}".`,
  },
  LICENSE_REQUIRED: {
    status: 402,
    title: 'A licence is required.',
    next: 'Give the licence that the feature needs. Nothing was changed.',
    exposed: true,
    message: (d: { feature: string }) => `A licence is required for ${d.feature}.`,
  },
  FOR_EACH_FAILED: {
    status: 500,
    title: 'The work failed for some tenants.',
    next: 'Look at error.cause.errors, one for each failed tenant, and repeat the work for those.',
    message: (d: { failed: readonly string[]; total: number }) =>
      `The work failed for ${d.failed.length} of ${d.total} tenants: ${d.failed.join(', ')}.`,
  },
  UNSAFE_CONFIGURATION: {
    status: 500,
    title: 'The isolation is not configured safely.',
    next: 'Run the fix of each finding, or ask for the findings with verify().',
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
    next: 'Grant what is missing on the named objects, or remove what depends on the tenant, and erase again. Nothing was erased.',
    message: (d: { tenant: string; objects: readonly string[] }) =>
      `Nothing of tenant "${d.tenant}" was erased, because of ${d.objects.join(', ')}.`,
  },
  SUSPENSION_INCOMPLETE: {
    status: 503,
    title: 'The server does not refuse the tenant yet.',
    next: 'Mend what the reason says and suspend again: until that succeeds, what is under way for the tenant may still land.',
    message: (d: { tenant: string; isolation: string; reason: string }) =>
      `${d.isolation} could not fence tenant "${d.tenant}" off (${d.reason}).`,
  },
  TENANT_STORE_MISSING: {
    status: 503,
    title: "The tenant's store is not there.",
    next: 'Provision the tenant, or see why its schema, role or database is gone. The statement was not run.',
    message: (d: { tenant: string; isolation: string; reason: string }) =>
      `${d.isolation} has no store for tenant "${d.tenant}" (${d.reason}).`,
  },
  TENANT_PROTECTED: {
    status: 409,
    title: 'This may not be done to this tenant.',
    next: 'The default tenant stays; make another tenant the default first.',
    message: (d: { tenant: string; action: string }) => `Tenant "${d.tenant}" may not be ${d.action}.`,
  },
  OBJECT_FOREIGN: {
    status: 409,
    title: 'An object of this name belongs to somebody else.',
    next: 'Choose another storage key for the tenant, or remove the object if nobody needs it. Nothing was changed.',
    message: (d: { kind: string; name: string; owner: string }) =>
      `The ${d.kind} ${d.name} exists already and belongs to ${d.owner}. It is neither adopted nor dropped.`,
  },
  TEMPLATE_MISSING: {
    status: 500,
    title: 'The template is not there.',
    next: 'Make the template with your migrations first. Nothing was created.',
    message: (d: { template: string }) => `There is no template ${d.template}.`,
  },
  TEMPLATE_INVALID: {
    status: 500,
    title: 'The template cannot be cloned.',
    next: 'Mend each object in the template as it says. Nothing was created.',
    message: (d: { template: string; problems: readonly string[] }) =>
      `The template schema ${d.template} cannot be cloned:${d.problems.map(problem => `\n  - ${problem}`).join('')}`,
  },
  TEMPLATE_REBUILD_FAILED: {
    status: 500,
    title: 'The template could not be made anew.',
    next: 'See the cause, mend it and rebuild. Migrations must not end the transaction; unless they have, the old template is there.',
    message: (d: { template: string; reason: string }) =>
      `The template ${d.template} could not be made anew: ${d.reason}.`,
  },
  PROVISIONING_FAILED: {
    status: 500,
    title: 'The tenant could not be provisioned.',
    next: 'See the cause, mend it and provision again. Nothing was created, or what was is made anew then.',
    message: (d: { tenant: string; step: string; reason: string }) =>
      `Tenant "${d.tenant}" could not be provisioned: ${d.step} failed (${d.reason}).`,
  },
  SCOPE_CLOSED: {
    status: 500,
    title: 'A tenant handle was used after its end.',
    next: 'Take a connection with pool.connect() in each unit of work and release it at its end; open a new isolation if this one was closed.',
    message: (d: { what: string }) => `${d.what} was used after its end. Nothing was sent.`,
  },
  SCOPE_MISMATCH: {
    status: 500,
    title: 'A connection of one tenant was used for another.',
    next: 'Release the connection in the unit of work that leased it.',
    message: (d: { lease: string; current: string }) =>
      `This connection was leased for tenant "${d.lease}", but the unit of work belongs to tenant "${d.current}". Nothing was sent.`,
  },
  STATEMENT_REFUSED: {
    status: 500,
    title: 'The statement cannot be scoped to a tenant.',
    next: 'Follow the advice. Nothing was sent.',
    message: (d: { statement: string; reason: string; advice: string }) =>
      `${d.statement} was refused and not sent: ${d.reason}. ${d.advice}`,
  },
  REPLY_FOREIGN: {
    status: 500,
    title: "The server answered with what is not the tenant's.",
    next: 'See what stands between the application and the server, and who else writes these keys. The answer was thrown away, and the connection given up.',
    message: (d: { tenant: string; command: string }) =>
      `The answer to ${d.command} of tenant "${d.tenant}" holds what is not this tenant's.`,
  },
  IDENTIFIER_INVALID: {
    status: 500,
    title: 'The SQL identifier is not valid.',
    next: 'Choose an identifier that obeys the rule.',
    message: (d: { identifier: string; rule: string }) => `The SQL identifier ${d.identifier} is not valid: ${d.rule}.`,
  },
  PLACEMENT_INVALID: {
    status: 500,
    title: "The tenant's placement leads nowhere.",
    next: 'Mend the placement in the registry, or configure what it names. Nothing was sent: where a tenant lives is never guessed.',
    message: (d: { tenant: string; problem: string }) =>
      `The placement of tenant "${d.tenant}" is not valid: ${d.problem}.`,
  },
  IDENTITY_MISMATCH: {
    status: 500,
    title: "The database that was reached is not the tenant's.",
    next: "See where the server's name, a restored backup or an old placement leads. The connection was closed, and no statement was sent.",
    message: (d: { tenant: string; server: string; database: string; found: string }) =>
      `The database "${d.database}" on server "${d.server}" is not that of tenant "${d.tenant}": ${d.found}.`,
  },
  POOL_EXHAUSTED: {
    status: 503,
    title: 'No database connection is free.',
    next: 'Raise the budget if this happens under ordinary load. Nothing was sent.',
    message: (d: { tenant: string; waited: number; retryAfter: number; limit: 'tenant' | 'budget' }) =>
      `No connection was free for tenant "${d.tenant}" within ${d.waited} ms: ${d.limit === 'tenant' ? 'it has as many as one tenant may have' : 'the budget of all tenants is used up'}. Try again in ${d.retryAfter} s.`,
  },
  CREDENTIALS_UNAVAILABLE: {
    status: 503,
    title: 'The credentials of the tenant cannot be had.',
    next: 'See whether the source of credentials runs and can be reached. Connections whose login is valid go on.',
    message: (d: { source: string; reason: string }) => `${d.source} cannot be asked for credentials (${d.reason}).`,
  },
  CREDENTIALS_REFUSED: {
    status: 500,
    title: 'The credentials of the tenant were refused.',
    next: 'Give the source what it asks for: a privilege, a policy, a name that it knows.',
    message: (d: { source: string; reason: string }) => `${d.source} gives no credentials (${d.reason}).`,
  },
  DATABASE_UNAVAILABLE: {
    status: 503,
    title: 'The database cannot be reached.',
    next: 'Try again; the pool recovers by itself when the database is back.',
    message: (d: { reason: string }) => `The database cannot be reached (${d.reason}).`,
  },
  CONNECTION_LOST: {
    status: 503,
    title: 'The database connection was lost.',
    next: 'Repeat the work if it may be done twice: whether the last statement ran is not known.',
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
    const entry = errors[code] as { status: number; next: string; message: (details: ErrorDetails<C>) => string }
    super(`${entry.message(details)} ${entry.next}`, options)
    this.code = code
    this.status = entry.status
    this.details = details
    Object.defineProperty(this, 'name', { value: 'TenancyError', configurable: true })
    Object.defineProperty(this, brand, { value: true })
  }
}

/**
 * The error of Tenantry that a caught value is or was caused by: libraries wrap what they catch.
 *
 * @returns `undefined` when there is none among the value and its causes.
 */
export function tenancyErrorOf(value: unknown): AnyTenancyError | undefined {
  let candidate = value
  // Deep enough for any library, and an end for causes that go in a circle.
  for (let depth = 0; depth < 10 && candidate instanceof Error; depth++) {
    if (isTenancyError(candidate)) return candidate
    candidate = candidate.cause
  }
  return undefined
}

/** Whether a caught value is an error of Tenantry, from whichever copy of the package. */
export function isTenancyError(value: unknown): value is AnyTenancyError {
  return value instanceof Error && brand in value
}
