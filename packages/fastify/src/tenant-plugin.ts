import { nodeRequestView, onAbort, type Tenancy, type Tenant } from '@tenantry/core'
import type { FastifyPluginAsync, FastifyReply } from 'fastify'
import { asPlugin } from './as-plugin.ts'
import { contextHooks, here, type Run } from './context-hooks.ts'
import { problemHooks } from './problem-hooks.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** The tenant that the request is served for; set by `tenantPlugin`, in the scope that registers it. */
    tenant?: Tenant
  }
}

/** Options of {@link tenantPlugin}. */
export type TenantPluginOptions = { readonly tenancy: Tenancy }

/**
 * Resolves the tenant of a request before its body is read, sets `request.tenant` and runs the rest of the request in the
 * tenant's context. Errors of Tenantry, refusals among them, are answered with problem details (RFC 9457). Holds for the
 * scope that registers it and for the scopes registered there afterwards; no other route has a tenant. When the tenant's work must end
 * ({@link Tenancy.signal}), an answer that has begun is cut off, and one that has not is a refusal.
 *
 * @example
 * app.register(tenantPlugin, { tenancy })
 */
export const tenantPlugin: FastifyPluginAsync<TenantPluginOptions> = asPlugin(async (scope, { tenancy }) => {
  // A scope inside another that has the plugin already has the decorator too.
  if (!scope.hasRequestDecorator('tenant')) scope.decorateRequest('tenant', undefined)
  const { keep, within } = contextHooks(scope)
  problemHooks(scope)
  scope.addHook('onRequest', (request, reply, done) => {
    const enter = (tenant: Tenant) => {
      const bound = tenancy.bind(here)
      // Not where the context is right already, so that what other hooks keep in contexts of their own is kept.
      const run: Run = fn => (tenancy.maybeCurrent()?.id === tenant.id ? fn() : bound(fn))
      request.tenant = tenant
      keep(request, reply, run)
      const stop = onAbort(tenancy.signal(), reason => run(() => end(reply, reason)))
      // One that was given up while its tenant was looked for has closed already.
      if (reply.raw.destroyed) stop()
      else reply.raw.once('close', stop)
    }
    const entered = tenancy.serve(nodeRequestView(request.raw), enter)
    // What `done` itself throws is no refusal: it is not called where a rejection is caught.
    entered.then(() => within(request, done), done)
  })
})

/** The tenant's work must end: what streams would go on for ever, and what has not begun is refused. */
function end(reply: FastifyReply, reason: unknown): void {
  if (reply.sent || reply.raw.headersSent) reply.raw.destroy()
  else reply.send(reason)
}
