import { createHash, timingSafeEqual } from 'node:crypto'
import { type Secret, TenancyError } from '@tenantry/core'
import type { FastifyRequest } from 'fastify'

/** Whether a request carries the operator's key, in `x-operator-key`. */
export type IsOperator = (request: FastifyRequest) => boolean

export function operator(key: Secret): IsOperator {
  const expected = digest(key.reveal())
  // Digests are of one length, so that the time tells nothing of how much of a key was right.
  return request => {
    const given = request.headers['x-operator-key']
    return typeof given === 'string' && timingSafeEqual(digest(given), expected)
  }
}

/** @throws {TenancyError} `CREDENTIAL_INVALID` */
export function requireOperator(isOperator: IsOperator): (request: FastifyRequest) => Promise<void> {
  return async request => {
    if (!isOperator(request)) throw new TenancyError('CREDENTIAL_INVALID', { source: 'the operator' })
  }
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
