import type { Logger } from '@tenantry/core'
import type { ErrorRequestHandler } from 'express'

/** Answers the errors that are not Tenantry's. */
export function otherErrors(logger: Logger): ErrorRequestHandler {
  return (error, _request, response, next) => {
    if (response.headersSent) return next(error)
    // `expose`: a body parser speaks of what the caller sent.
    if (error?.expose === true) return void response.status(error.status).json({ title: error.message })
    logger.error({ event: 'request.failed', stack: error?.stack }, String(error))
    response.status(500).json({ title: 'The request failed.' })
  }
}
