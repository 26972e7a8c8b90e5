import { type NodeEmitter, type Tenancy, type Tenant, tenancyErrorOf } from '@tenantry/core'
import { type FetchRequestOptions, problemResponse, serveRequest } from '@tenantry/fetch'
import type { Context, MiddlewareHandler } from 'hono'

/** What {@link tenantMiddleware} adds to the context of Hono. */
export interface TenantEnv {
  Variables: {
    /** The tenant that the request is served for. */
    tenant: Tenant
  }
}

/** Options of {@link tenantMiddleware}. */
export type TenantMiddlewareOptions = FetchRequestOptions

/**
 * Resolves the tenant of a request, sets `c.var.tenant` and runs the rest of the request in the tenant's context, with the body of the
 * answer and, on Node, the events of its request and response. A request that is refused is answered here, with problem details
 * (RFC 9457), and so is an error of Tenantry that a handler throws, once `app.onError` has heard of it.
 *
 * @example
 * const app = new Hono<TenantEnv>().use(tenantMiddleware(tenancy))
 */
export function tenantMiddleware(
  tenancy: Tenancy,
  options: TenantMiddlewareOptions = {},
): MiddlewareHandler<TenantEnv> {
  return async (c, next) => {
    const answer = async (tenant: Tenant): Promise<Response> => {
      c.set('tenant', tenant)
      await next()
      const error = tenancyErrorOf(c.error)
      return error === undefined ? c.res : problemResponse(error)
    }
    const response = await serveRequest(tenancy, c.req.raw, answer, { ...options, messages: messagesOf(c) })
    // Else Hono adds the headers of the answer that this one stands in for.
    c.res = undefined
    c.res = response
  }
}

/** Node's request and response, where Hono runs on `@hono/node-server`. */
function messagesOf(c: Context): NodeEmitter[] {
  const { incoming, outgoing } = (c.env ?? {}) as { incoming?: unknown; outgoing?: unknown }
  return [incoming, outgoing].filter(isEmitter)
}

function isEmitter(value: unknown): value is NodeEmitter {
  return typeof value === 'object' && value !== null && 'emit' in value && typeof value.emit === 'function'
}
