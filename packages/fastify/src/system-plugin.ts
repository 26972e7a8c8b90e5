import type { SystemAccess, Tenancy } from '@tenantry/core'
import type { FastifyPluginAsync, FastifyRequest } from 'fastify'
import { asPlugin } from './as-plugin.ts'
import { contextHooks, here, type Run } from './context-hooks.ts'
import { problemHooks } from './problem-hooks.ts'

/** Options of {@link systemPlugin}. */
export type SystemPluginOptions = {
  readonly tenancy: Pick<Tenancy, 'runAsSystem' | 'bind'>
  /** Who asks, and why: both stand in the audit log before the first handler runs. */
  readonly accessOf: (request: FastifyRequest) => SystemAccess
}

/**
 * Runs requests in the system scope, each until it is answered or given up. Register it in the scope of the operators' routes, behind
 * the `onRequest` hook that decides who may do so. Where the entry cannot be written to the audit log the request goes on to the error
 * handlers, and is not handled. Errors of Tenantry are answered with problem details (RFC 9457).
 *
 * @example
 * app.register(async admin => {
 *   admin.addHook('onRequest', requireAdmin)
 *   admin.register(systemPlugin, { tenancy, accessOf: ({ method, url }) => ({ actor: 'admin', reason: `${method} ${url}` }) })
 * })
 */
export const systemPlugin: FastifyPluginAsync<SystemPluginOptions> = asPlugin(async (scope, { tenancy, accessOf }) => {
  const { keep, within } = contextHooks(scope)
  problemHooks(scope)
  scope.addHook('onRequest', (request, reply, done) => {
    let isEntered = false
    const enter = async (): Promise<void> => {
      await tenancy.runAsSystem(accessOf(request), async () => {
        isEntered = true
        keep(request, reply, tenancy.bind(here) as Run)
        const closed = new Promise<void>(resolve => {
          // One that was given up while the audit was written has closed already.
          if (reply.raw.destroyed) resolve()
          else reply.raw.once('close', resolve)
        })
        within(request, done)
        await closed
      })
    }
    enter().catch((error: Error) => {
      // What `done` throws is no refusal.
      if (isEntered) throw error
      done(error)
    })
  })
})
