import { problemOf, type TenancyError } from '@tenantry/core'
import type { Response } from 'express'

/** Answers with problem details (RFC 9457). Node leaves the body out for HEAD. */
export function sendProblem(response: Response, error: TenancyError): void {
  const { status, headers, replaces, body } = problemOf(error)
  const text = JSON.stringify(body)
  for (const name of replaces) response.removeHeader(name)
  response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(text) }).end(text)
}
