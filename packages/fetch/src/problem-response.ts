import { problemOf, type TenancyError } from '@tenantry/core'

/**
 * An error of Tenantry as a `Response` with problem details (RFC 9457).
 *
 * @example
 * return problemResponse(new TenancyError('TENANT_NOT_FOUND', { key: 'slug acme' })) // 404
 */
export function problemResponse(error: TenancyError): Response {
  const { status, headers, body } = problemOf(error)
  return new Response(JSON.stringify(body), { status, headers })
}
