import { bindMessage, isTenancyError, nodeRequestView, type Tenancy, type Tenant } from '@tenantry/core'
import type { RequestHandler } from 'express'
import { sendProblem } from './send-problem.ts'

declare global {
  namespace Express {
    interface Request {
      /** The tenant that the request is served for; set by `tenantMiddleware`. */
      tenant?: Tenant
    }
  }
}

/**
 * Resolves the tenant of a request, sets `req.tenant` and runs the rest of the request in the tenant's context. A request
 * that is refused is answered here, with problem details (RFC 9457); a registry that breaks goes on to the error handlers.
 *
 * @example
 * app.use(tenantMiddleware(tenancy), express.json())
 */
export function tenantMiddleware(tenancy: Tenancy): RequestHandler {
  return async (request, response, next) => {
    let run: Run
    try {
      run = await tenancy.serve(nodeRequestView(request), tenant => {
        request.tenant = tenant
        const bound = tenancy.bind(here) as Run
        bindMessage(request, bound)
        bindMessage(response, bound)
        return bound
      })
    } catch (error) {
      // Headers that are sent already leave nothing to answer; Express's own handler then closes the connection.
      return isTenancyError(error) && !response.headersSent ? sendProblem(response, error) : next(error)
    }
    run(next)
  }
}

type Run = <T>(fn: () => T) => T

const here: Run = fn => fn()
