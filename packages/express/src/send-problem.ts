import { problemOf, type TenancyError } from '@tenantry/core'
import type { Response } from 'express'

/** Answers with problem details (RFC 9457). Node leaves the body out for HEAD. */
export function sendProblem(response: Response, error: TenancyError): void {
  const { status, headers, body } = problemOf(error)
  const text = JSON.stringify(body)
  // What an earlier handler may have said of a body that is not sent now.
  for (const name of ['content-encoding', 'content-range', 'etag', 'last-modified']) response.removeHeader(name)
  response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(text) }).end(text)
}
