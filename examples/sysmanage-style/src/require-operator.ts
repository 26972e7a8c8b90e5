import { createHash, timingSafeEqual } from 'node:crypto'
import { type Secret, TenancyError } from '@tenantry/core'
import type { RequestHandler } from 'express'

/** Lets requests through that carry the operator's key as a bearer token. */
export function requireOperator(key: Secret): RequestHandler {
  const expected = digest(key.reveal())
  return (request, _response, next) => {
    const given = /^Bearer ([\x21-\x7e]+)$/.exec(request.get('authorization') ?? '')?.[1]
    // Digests are of one length, so that the time tells nothing of how much of a key was right.
    if (given !== undefined && timingSafeEqual(digest(given), expected)) next()
    else next(new TenancyError('CREDENTIAL_INVALID', { source: 'the operator' }))
  }
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
