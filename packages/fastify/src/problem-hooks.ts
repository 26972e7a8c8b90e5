import { Readable } from 'node:stream'
import { type Problem, problemOf, tenancyErrorOf } from '@tenantry/core'
import type { FastifyInstance } from 'fastify'

/** Answers errors of Tenantry with problem details. Not `setErrorHandler`: a scope has but one, the application's. */
export function problemHooks(scope: FastifyInstance): void {
  const problems = new WeakMap<object, Problem>()
  scope.addHook('onError', (request, _reply, error, done) => {
    const known = tenancyErrorOf(error)
    if (known !== undefined) problems.set(request, problemOf(known))
    done()
  })
  scope.addHook('onSend', (request, reply, payload, done) => {
    const problem = problems.get(request)
    if (problem === undefined) return done(null, payload)
    if (payload instanceof Readable) payload.destroy()
    for (const name of problem.replaces) reply.removeHeader(name)
    reply.code(problem.status).headers(problem.headers)
    done(null, JSON.stringify(problem.body))
  })
}
