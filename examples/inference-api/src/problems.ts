import { type Logger, problemOf, tenancyErrorOf } from '@tenantry/core'
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'

/** Answers with problem details (RFC 9457). */
export function problem(reply: FastifyReply, status: number, title: string, detail?: string): FastifyReply {
  const body = { type: 'about:blank', title, status, ...(detail === undefined ? {} : { detail }) }
  return reply.code(status).type('application/problem+json').header('cache-control', 'no-store').send(body)
}

/** Answers errors; those of Tenantry also where no tenant is entered, and the plugin does not see them. */
export function answerErrors(logger: Logger) {
  return (error: FastifyError, request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const known = tenancyErrorOf(error)
    const status = known?.status ?? error.statusCode ?? 500
    const tenant = request.tenant?.id
    if (status >= 500) {
      const reason = known?.code ?? error.name
      logger.error({ event: 'request.failed', tenant, route: request.routeOptions.url, reason }, 'A request failed.')
    }
    if (known !== undefined) {
      const { headers, body } = problemOf(known)
      return reply.code(status).headers(headers).send(body)
    }
    // Below 500 Fastify speaks of what the caller sent.
    return problem(reply, status, status < 500 ? error.message : 'The request failed.')
  }
}
