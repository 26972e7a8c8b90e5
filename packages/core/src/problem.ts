import { errors, type TenancyError } from './errors.ts'

interface Entry {
  readonly status: number
  readonly title: string
  readonly exposed?: boolean
  message(details: unknown): string
}

/** A TenancyError as an HTTP answer: problem details (RFC 9457). */
export interface Problem {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** Headers to take off an answer that was begun: they speak of a body that is not sent now. */
  readonly replaces: readonly string[]
  readonly body: {
    readonly type: string
    readonly title: string
    readonly status: number
    readonly code: string
    readonly detail?: string
  }
}

/**
 * What a server answers to an error. Shows the fixed title of the code, and its message only for codes that speak of the
 * caller's own input; never a tenant's id, a statement or a cause. An archived tenant answers exactly as an unknown one.
 *
 * @example
 * const { status, headers, body } = problemOf(error)
 * response.writeHead(status, headers).end(JSON.stringify(body))
 */
export function problemOf(error: TenancyError): Problem {
  const entry: Entry | undefined = errors[error.code] as Entry | undefined
  // Another version of the package may have codes that this one does not know.
  const { status, title } = entry ?? { status: error.status, title: 'The request failed.' }
  return {
    status,
    headers: {
      'content-type': 'application/problem+json',
      'cache-control': 'no-store',
      // Seconds; RFC 9110 section 10.2.3.
      ...(status === 503 ? { 'retry-after': String(retryAfterOf(error)) } : {}),
      // Required with 401 by RFC 9110 section 11.6.1.
      ...(status === 401 ? { 'www-authenticate': 'Bearer' } : {}),
    },
    replaces: ['content-length', 'content-encoding', 'content-range', 'etag', 'last-modified'],
    body: {
      type: `urn:tenantry:error:${error.code}`,
      title,
      status,
      code: error.code,
      ...(entry?.exposed === true ? { detail: entry.message(error.details) } : {}),
    },
  }
}

/** Only some errors know how long it will be. */
function retryAfterOf({ details }: TenancyError): number {
  return 'retryAfter' in details ? details.retryAfter : 1
}
