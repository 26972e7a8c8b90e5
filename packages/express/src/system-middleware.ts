import { bindMessage, type SystemAccess, type Tenancy } from '@tenantry/core'
import type { Request, RequestHandler } from 'express'

/**
 * Runs the rest of a request in the system scope, until it is answered or given up. Put it behind whatever decides who may do so.
 *
 * @param accessOf - who asks, and why: both stand in the audit log before the first handler runs. Where they cannot be written the
 * request goes on to the error handlers.
 * @example
 * admin.use(requireAdmin, systemMiddleware(tenancy, ({ method, path }) => ({ actor: 'admin', reason: `${method} ${path}` })))
 */
export function systemMiddleware(
  tenancy: Pick<Tenancy, 'runAsSystem' | 'bind'>,
  accessOf: (request: Request) => SystemAccess,
): RequestHandler {
  return async (request, response, next) => {
    await tenancy.runAsSystem(accessOf(request), () => {
      const run = tenancy.bind(here) as typeof here
      bindMessage(request, run)
      bindMessage(response, run)
      const closed = new Promise<void>(resolve => {
        // One that was given up while the audit was written has closed already.
        if (response.destroyed) resolve()
        else response.once('close', resolve)
      })
      next()
      return closed
    })
  }
}

function here<T>(fn: () => T): T {
  return fn()
}
