import { consoleLogger, type Logger, tenancyErrorOf } from '@tenantry/core'
import type { ErrorRequestHandler } from 'express'
import { sendProblem } from './send-problem.ts'

/** Options of {@link problemHandler}. */
export interface ProblemHandlerOptions {
  /** Told of errors with a status of 500 and up, which the answer says little about. Default: JSON on standard error. */
  readonly logger?: Logger
}

/**
 * Answers errors of Tenantry that handlers throw, also where a library has wrapped them, with problem details (RFC 9457). All others go on to the next error handler.
 *
 * @example
 * app.use(problemHandler()) // after the routes
 */
export function problemHandler(options: ProblemHandlerOptions = {}): ErrorRequestHandler {
  const { logger = consoleLogger } = options
  return (thrown: unknown, _request, response, next) => {
    const error = tenancyErrorOf(thrown)
    if (error === undefined) return next(thrown)
    const { code, stack, status } = error
    if (status >= 500) logger.error({ event: 'request.failed', code, stack }, error.message)
    // Too late for an answer: Express's own handler closes the connection, so that the client notices.
    if (response.headersSent) return next(thrown)
    sendProblem(response, error)
  }
}
