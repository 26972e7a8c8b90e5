import { createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { inspect } from 'node:util'
import { type ErrorCode, isTenancyError, type Logger, type RequestView, type TenancyError } from '@tenantry/core'
import type { JWK } from 'jose'
import { expect } from 'vitest'

/** A request as a resolver sees it. */
export function request(headers: Readonly<Record<string, string | readonly string[]>> = {}): RequestView {
  return { target: '/v1/models', header: name => [headers[name] ?? []].flat() }
}

export const bearer = (token: string) => request({ authorization: `Bearer ${token}` })

/** A logger that keeps what it is told. */
export function recorder(): Logger & { readonly records: { level: string; details: object; message: string }[] } {
  const records: { level: string; details: object; message: string }[] = []
  const keep = (level: string) => (details: object, message: string) => void records.push({ level, details, message })
  return { records, debug: keep('debug'), info: keep('info'), warn: keep('warn'), error: keep('error') }
}

/** The error that `fn` throws or rejects with, which must be of this code. */
export async function refusal<C extends ErrorCode>(code: C, fn: () => unknown): Promise<TenancyError<C>> {
  let result: unknown
  try {
    result = await fn()
  } catch (error) {
    if (!isTenancyError(error)) throw error
    expect(error.code).toBe(code)
    return error as TenancyError<C>
  }
  throw new Error(`Expected ${code}, got ${JSON.stringify(result)}`)
}

/** All that anybody can see of a value. */
export function shown(value: unknown): string {
  const stack = value instanceof Error ? `${value.stack}` : ''
  return `${inspect(value, { depth: 9, showHidden: true })}${JSON.stringify(value)}${String(value)}${stack}`
}

/** Signs bytes as a JWS algorithm does. Written here, so that a forgery can be of any shape. */
export type Signer = (input: string) => Buffer

export const signers = {
  es256:
    (key: KeyObject): Signer =>
    input =>
      sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' }),
  rs256:
    (key: KeyObject): Signer =>
    input =>
      sign('sha256', Buffer.from(input), key),
  hs256:
    (secret: string | Buffer): Signer =>
    input =>
      createHmac('sha256', secret).update(input).digest(),
  nobody: (): Signer => () => Buffer.alloc(0),
}

export const encode = (value: unknown) =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')

/** A token of any header and claims; text is taken as it is. */
export function token(header: unknown, claims: unknown, signer: Signer): string {
  const input = `${encode(header)}.${encode(claims)}`
  return `${input}.${signer(input).toString('base64url')}`
}

/** A pair of keys with its public half as a JWK. */
export function ecPair(kid: string) {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const jwk: JWK = { ...(publicKey.export({ format: 'jwk' }) as JWK), kid, use: 'sig', alg: 'ES256' }
  return { publicKey, privateKey, jwk }
}
