import { bindMessage } from '@tenantry/core'
import type { FastifyInstance, FastifyReply, FastifyRequest, preHandlerHookHandler } from 'fastify'

/** Runs a function in the context of a request. */
export type Run = <T>(fn: () => T) => T

/** Keeps the rest of a request in a context, whatever calls it. */
export interface ContextHooks {
  /** From now on, everything of this request runs by `run`. */
  keep(request: FastifyRequest, reply: FastifyReply, run: Run): void
  /** Runs in the context of a request; as it is where the request has none. */
  within(request: object, fn: () => void): void
}

/** Adds the hooks to a scope, behind the `onRequest` hook that is already there. */
export function contextHooks(scope: FastifyInstance): ContextHooks {
  const contexts = new WeakMap<object, Run>()
  const within = (request: object, fn: () => void): void => (contexts.get(request) ?? here)(fn)
  const reenter: preHandlerHookHandler = (request, _reply, done) => within(request, done)

  // What ran before may have called back in another request's context: that of a connection they share, say.
  scope.addHook('preValidation', reenter).addHook('preHandler', reenter)
  scope.addHook('preParsing', (request, _reply, payload, done) => within(request, () => done(null, payload)))
  scope.addHook('preSerialization', (request, _reply, payload, done) => within(request, () => done(null, payload)))
  // Fastify's timer of `handlerTimeout` is older than the context.
  scope.addHook('onError', (request, _reply, _error, done) => within(request, done))
  scope.addHook('onSend', (request, _reply, payload, done) => within(request, () => done(null, payload)))
  return {
    keep(request, reply, run) {
      contexts.set(request, run)
      for (const message of [request.raw, reply.raw]) bindMessage(message, run)
    },
    within,
  }
}

/** Runs a function where it is called. */
export const here: Run = fn => fn()
