import type { Awaitable, Tenancy } from '@tenantry/core'
import { type ServeOptions, serveRequest } from './serve-request.ts'

/** Options of {@link tenantHandler}. */
export type TenantHandlerOptions = Omit<ServeOptions, 'messages'>

/**
 * A handler that answers each request in the context of its tenant, as {@link serveRequest} does. What else the server passes to
 * handlers is passed on.
 *
 * @example
 * export const GET = tenantHandler(tenancy, () => Response.json({ tenant: tenancy.current().name }))
 */
export function tenantHandler<R extends Request, A extends unknown[]>(
  tenancy: Tenancy,
  handler: (request: R, ...rest: A) => Awaitable<Response>,
  options: TenantHandlerOptions = {},
): (request: R, ...rest: A) => Promise<Response> {
  return (request, ...rest) => serveRequest(tenancy, request, () => handler(request, ...rest), options)
}
