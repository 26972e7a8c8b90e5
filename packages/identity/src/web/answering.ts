import { consoleLogger, type Logger, problemOf, tenancyErrorOf } from '@tenantry/core'
import type { FetchHandler } from './fetch-handler.ts'

/**
 * A handler that answers errors of Tenantry with problem details (RFC 9457). All others are its server's.
 *
 * @param methods - others are answered with 405 (RFC 9110, section 15.5.6).
 */
export function answering(
  methods: readonly string[],
  handler: FetchHandler,
  logger: Logger = consoleLogger,
): FetchHandler {
  return async request => {
    if (!methods.includes(request.method))
      return new Response(null, { status: 405, headers: { allow: methods.join(', ') } })
    try {
      return await handler(request)
    } catch (thrown) {
      const error = tenancyErrorOf(thrown)
      if (error === undefined) throw thrown
      const { code, stack } = error
      if (error.status >= 500) logger.error({ event: 'request.failed', code, stack }, error.message)
      const { status, headers, body } = problemOf(error)
      return new Response(JSON.stringify(body), { status, headers })
    }
  }
}

/** What is sent with whatever holds a secret or an identity. */
export const unkept = { 'cache-control': 'no-store', 'referrer-policy': 'no-referrer' } as const
