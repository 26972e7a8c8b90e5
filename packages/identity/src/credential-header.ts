import { type RequestView, singleHeader, TenancyError } from '@tenantry/core'

/** The one error for whatever is wrong with a credential: neither message, details nor cause tell what it was. */
export function invalid(source: string): TenancyError<'CREDENTIAL_INVALID'> {
  return new TenancyError('CREDENTIAL_INVALID', { source })
}

/**
 * The credential in a header: after `Bearer` in the headers of HTTP authentication, the whole value of any other.
 *
 * @returns `undefined` when the header is absent, or names another scheme, which is somebody else's (RFC 9110, section 11.4).
 * @throws {TenancyError} `REQUEST_INVALID` when the header stands more than once; `CREDENTIAL_INVALID` when nothing, or more than
 * one thing, follows `Bearer`.
 */
export function credentialOf(request: RequestView, header: string, source: string): string | undefined {
  const value = singleHeader(request, header)
  if (value === undefined || (header !== 'authorization' && header !== 'proxy-authorization')) return value
  // A scheme is a token of RFC 9110, in any case; what cannot begin with one is a bad signal, not another's.
  const scheme = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+/.exec(value)?.[0]
  if (scheme === undefined) throw invalid(source)
  if (scheme.toLowerCase() !== 'bearer') return undefined
  const credential = /^ +([^\s,]+)$/.exec(value.slice(scheme.length))?.[1]
  if (credential === undefined) throw invalid(source)
  return credential
}
