import { type ArgumentsHost, Catch, type ExceptionFilter } from '@nestjs/common'
import { type Logger, tenancyErrorOf } from '@tenantry/core'
import { problemHandler } from '@tenantry/express'
import type { Request, Response } from 'express'

/** What Nest asks by `instanceof`: errors of Tenantry, also where a library has wrapped them. */
const failures = { [Symbol.hasInstance]: (error: unknown) => tenancyErrorOf(error) !== undefined }

/** Answers errors of Tenantry with problem details (RFC 9457), and logs those that are ours. */
export function tenancyFilter(logger?: Logger): ExceptionFilter {
  const answer = problemHandler(logger === undefined ? {} : { logger })
  // A class, because Nest keeps on it what a filter catches.
  class TenancyFilter implements ExceptionFilter {
    catch(error: unknown, host: ArgumentsHost): void {
      if (host.getType() !== 'http') throw error
      const http = host.switchToHttp()
      const response = http.getResponse<Response>()
      // Too late for an answer, so that the client notices.
      answer(error, http.getRequest<Request>(), response, () => response.destroy())
    }
  }
  Catch(failures as never)(TenancyFilter)
  return new TenancyFilter()
}
