import {
  bindMessage,
  isTenancyError,
  nodeRequestView,
  onAbort,
  type Tenancy,
  type Tenant,
  tenancyErrorOf,
} from '@tenantry/core'
import type { RequestHandler, Response } from 'express'
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
 * When the tenant's work must end ({@link Tenancy.signal}), an answer that has begun is cut off, and one that has not is a refusal.
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
        const stop = onAbort(tenancy.signal(), reason => bound(() => end(response, reason)))
        // One that was given up while its tenant was looked for has closed already.
        if (response.destroyed) stop()
        else response.once('close', stop)
        return bound
      })
    } catch (error) {
      // Headers that are sent already leave nothing to answer; Express's own handler then closes the connection.
      return isTenancyError(error) && !response.headersSent ? sendProblem(response, error) : next(error)
    }
    run(next)
  }
}

/** The tenant's work must end: what streams would go on for ever, and what has not begun is refused. */
function end(response: Response, reason: unknown): void {
  const error = tenancyErrorOf(reason)
  if (response.headersSent || error === undefined) response.destroy()
  else sendProblem(response, error)
}

type Run = <T>(fn: () => T) => T

const here: Run = fn => fn()
