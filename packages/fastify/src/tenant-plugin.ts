import { Readable } from 'node:stream'
import {
  bindMessage,
  nodeRequestView,
  type Problem,
  problemOf,
  type Tenancy,
  type Tenant,
  tenancyErrorOf,
} from '@tenantry/core'
import type { FastifyPluginAsync, preHandlerHookHandler } from 'fastify'

declare module 'fastify' {
  interface FastifyRequest {
    /** The tenant that the request is served for; set by `tenantPlugin`, in the scope that registers it. */
    tenant?: Tenant
  }
}

/** Options of {@link tenantPlugin}. */
export type TenantPluginOptions = { readonly tenancy: Tenancy }

type Run = <T>(fn: () => T) => T
const here: Run = fn => fn()

const plugin: FastifyPluginAsync<TenantPluginOptions> = async (scope, { tenancy }) => {
  const contexts = new WeakMap<object, Run>()
  const problems = new WeakMap<object, Problem>()
  const inContext = (request: object, fn: () => void) => (contexts.get(request) ?? here)(fn)
  const reenter: preHandlerHookHandler = (request, _reply, done) => inContext(request, done)

  // A scope inside another that has the plugin already has the decorator too.
  if (!scope.hasRequestDecorator('tenant')) scope.decorateRequest('tenant', undefined)
  scope.addHook('onRequest', (request, reply, done) => {
    const enter = (tenant: Tenant) => {
      const bound = tenancy.bind(here)
      // Not where the context is right already, so that what other hooks keep in contexts of their own is kept.
      const run: Run = fn => (tenancy.maybeCurrent()?.id === tenant.id ? fn() : bound(fn))
      contexts.set(request, run)
      request.tenant = tenant
      for (const message of [request.raw, reply.raw]) bindMessage(message, run)
    }
    const entered = tenancy.serve(nodeRequestView(request.raw), enter)
    // What `done` itself throws is no refusal: it is not called where a rejection is caught.
    entered.then(() => inContext(request, done), done)
  })
  // What ran before may have called back in another request's context: that of a connection they share, say.
  scope.addHook('preValidation', reenter).addHook('preHandler', reenter)
  scope.addHook('preParsing', (request, _reply, payload, done) => inContext(request, () => done(null, payload)))
  scope.addHook('preSerialization', (request, _reply, payload, done) => inContext(request, () => done(null, payload)))
  scope.addHook('onError', (request, _reply, error, done) => {
    const known = tenancyErrorOf(error)
    if (known !== undefined) problems.set(request, problemOf(known))
    inContext(request, done) // Fastify's timer of `handlerTimeout` is older than the context.
  })
  // Not `setErrorHandler`: a scope has but one, the application's.
  scope.addHook('onSend', (request, reply, payload, done) => {
    const problem = problems.get(request)
    if (problem === undefined) return inContext(request, () => done(null, payload))
    if (payload instanceof Readable) payload.destroy()
    for (const name of problem.replaces) reply.removeHeader(name)
    reply.code(problem.status).headers(problem.headers)
    inContext(request, () => done(null, JSON.stringify(problem.body)))
  })
}

/**
 * Resolves the tenant of a request before its body is read, sets `request.tenant` and runs the rest of the request in the
 * tenant's context. Errors of Tenantry, refusals among them, are answered with problem details (RFC 9457). Holds for the
 * scope that registers it and for the scopes registered there afterwards; no other route has a tenant.
 *
 * @example
 * app.register(tenantPlugin, { tenancy })
 */
export const tenantPlugin: FastifyPluginAsync<TenantPluginOptions> = Object.assign(plugin, {
  // As the package `fastify-plugin` does: no scope of its own, in which there would be no route.
  [Symbol.for('skip-override')]: true,
  [Symbol.for('plugin-meta')]: { name: '@tenantry/fastify', fastify: '5.x' },
})
