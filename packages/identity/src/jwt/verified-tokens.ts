import { createHash } from 'node:crypto'
import type { CheckedIssuer } from './check-issuer.ts'

/** A token whose signature was found good, and all else that does not change with time. */
export interface VerifiedToken {
  readonly issuer: CheckedIssuer
  /** Deeply frozen: several requests share them. */
  readonly claims: Readonly<Record<string, unknown>>
}

/** What was verified a moment ago, so that the same token costs a hash and no signature. Holds no token. */
export interface VerifiedTokens {
  /** `undefined` for what has to be verified: it is not known, not known any more, or not good at this time. */
  find(token: string): VerifiedToken | undefined
  /** Only for what was verified. */
  keep(token: string, verified: VerifiedToken): void
}

/** How many are known at once; with a kilobyte of claims each, ten megabytes. */
const most = 10_000

/** @param age - milliseconds for which a token is known; 0 for none. */
export function verifiedTokens(age: number): VerifiedTokens {
  const known = new Map<string, VerifiedToken & { readonly at: number }>()
  if (age === 0) return { find: () => undefined, keep: () => undefined }
  return {
    find(token) {
      const name = nameOf(token)
      const found = known.get(name)
      if (found === undefined) return undefined
      const since = Date.now() - found.at
      // A clock that was set back must not make it last.
      if (since >= 0 && since < age && isInTime(found)) return found
      known.delete(name)
      return undefined
    },
    keep(token, { issuer, claims }) {
      const name = nameOf(token)
      known.delete(name)
      known.set(name, { issuer, claims: frozen(claims), at: Date.now() })
      const [oldest] = known.keys()
      if (known.size > most && oldest !== undefined) known.delete(oldest)
    },
  }
}

/** Whoever reads this process's memory finds no token there. */
function nameOf(token: string): string {
  return createHash('sha256').update(token, 'utf8').digest('base64')
}

/** As jose compares them (RFC 7519, sections 4.1.4 and 4.1.5). */
function isInTime({ issuer: { clockTolerance }, claims: { exp, nbf } }: VerifiedToken): boolean {
  const now = Math.floor(Date.now() / 1000)
  if (typeof exp === 'number' && exp <= now - clockTolerance) return false
  return !(typeof nbf === 'number' && nbf > now + clockTolerance)
}

function frozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null) Object.values(Object.freeze(value)).forEach(frozen)
  return value
}
