import type { VaultAnswer } from './exchange.ts'
import { unavailable } from './failures.ts'

/** A lease and the login that it is for. */
export interface IssuedLogin {
  readonly lease: string
  /** Milliseconds. */
  readonly lasts: number
  readonly username: string
  readonly password: string
}

/** What a token is worth. */
export interface TokenFacts {
  /** Milliseconds; `Infinity` for a root token, which has no end. */
  readonly lasts: number
  readonly renewable: boolean
}

// Written out by hand: an error of a schema library quotes what it has read, which may be a password.
const fieldOf = (value: unknown, ...path: readonly string[]): unknown =>
  path.reduce<unknown>(
    (at, key) => (typeof at === 'object' && at !== null ? (at as Readonly<Record<string, unknown>>)[key] : undefined),
    value,
  )

function textOf(place: string, { body }: VaultAnswer, ...path: readonly string[]): string {
  const value = fieldOf(body, ...path)
  if (typeof value === 'string' && value !== '' && value.length <= 4096 && !value.includes('\0')) return value
  throw unavailable(`${place}: the answer has no ${path.join('.')}`)
}

function millisecondsOf(place: string, { body }: VaultAnswer, ...path: readonly string[]): number {
  const value = fieldOf(body, ...path)
  if (typeof value === 'number' && Number.isFinite(value) && value >= 0) return value * 1000
  throw unavailable(`${place}: the answer has no ${path.join('.')}`)
}

/** The answer of `creds/:name`. @throws {TenancyError} `CREDENTIALS_UNAVAILABLE`, which names the field that is missing. */
export function readLogin(place: string, answer: VaultAnswer): IssuedLogin {
  return {
    lease: textOf(place, answer, 'lease_id'),
    lasts: millisecondsOf(place, answer, 'lease_duration'),
    username: textOf(place, answer, 'data', 'username'),
    password: textOf(place, answer, 'data', 'password'),
  }
}

/** Milliseconds until a renewed lease ends. @throws {TenancyError} `CREDENTIALS_UNAVAILABLE` */
export function readLeaseDuration(place: string, answer: VaultAnswer): number {
  return millisecondsOf(place, answer, 'lease_duration')
}

/** The `auth` of a login or a renewal. @throws {TenancyError} `CREDENTIALS_UNAVAILABLE` */
export function readAuth(place: string, answer: VaultAnswer): TokenFacts & { readonly token: string } {
  return {
    token: textOf(place, answer, 'auth', 'client_token'),
    lasts: millisecondsOf(place, answer, 'auth', 'lease_duration'),
    renewable: fieldOf(answer.body, 'auth', 'renewable') === true,
  }
}

/** The answer of `auth/token/lookup-self`. @throws {TenancyError} `CREDENTIALS_UNAVAILABLE` */
export function readLookup(place: string, answer: VaultAnswer): TokenFacts {
  const lasts = millisecondsOf(place, answer, 'data', 'ttl')
  // A ttl of 0 is also that of a token in its last half second; only one without an end has no time of it.
  const endless = lasts === 0 && (fieldOf(answer.body, 'data', 'expire_time') ?? null) === null
  return {
    lasts: endless ? Number.POSITIVE_INFINITY : lasts,
    renewable: fieldOf(answer.body, 'data', 'renewable') === true,
  }
}

/** Whether a 400 or 404 of `creds/:name` is about the role: the engine says "unknown role", with the status 400. */
export function saysUnknownRole({ status, body }: VaultAnswer): boolean {
  const errors = fieldOf(body, 'errors')
  const texts = Array.isArray(errors) ? errors : []
  return status === 404 || (status === 400 && texts.some(text => typeof text === 'string' && /unknown role/.test(text)))
}

/** What is readable of a connection, to see whether it is as it should be. */
export function readConnection({ body }: VaultAnswer): Readonly<Record<string, unknown>> {
  const details = fieldOf(body, 'data', 'connection_details')
  return {
    plugin_name: fieldOf(body, 'data', 'plugin_name'),
    allowed_roles: fieldOf(body, 'data', 'allowed_roles'),
    connection_url: fieldOf(details, 'connection_url'),
    username: fieldOf(details, 'username'),
    password_authentication: fieldOf(details, 'password_authentication'),
  }
}
