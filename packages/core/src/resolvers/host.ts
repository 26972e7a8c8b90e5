import { isIP } from 'node:net'
import { TenancyError } from '../errors.ts'
import { requestPath, singleHeader } from '../request-view.ts'
import type { Resolver } from '../resolver.ts'

/** Options of {@link host}. */
export interface HostOptions {
  /**
   * Domains whose one-label subdomains are tenants: with `example.com`, `acme.example.com` is the tenant with slug `acme`.
   * `a.b.example.com` is not (T37). The base domain itself names no tenant.
   */
  readonly baseDomains?: readonly string[]
  /** Hosts of the application itself, which name no tenant: `www.example.com`, `127.0.0.1`. Without ports. */
  readonly ownHosts?: readonly string[]
}

/**
 * The tenant of the Host header: a one-label subdomain of a base domain is a slug, every other host an exact domain.
 *
 * Every host that is neither a base domain nor ownHosts is a signal: if no tenant has it, the request is refused, or served by
 * the default tenant where that is configured (T38). `X-Forwarded-Host` is never read.
 *
 * @throws {TenancyError} `ARGUMENT_INVALID` when an option holds something other than a host name.
 * @example
 * host({ baseDomains: ['example.com'] })
 */
export function host(options: HostOptions = {}): Resolver {
  const bases = (options.baseDomains ?? []).map(name => configuredHost('baseDomains', name))
  const ownHosts = new Set([...bases, ...(options.ownHosts ?? []).map(name => configuredHost('ownHosts', name))])
  return {
    name: 'host',
    resolve(request) {
      const value = singleHeader(request, 'host')
      if (value === undefined || value === '') return undefined
      // Called for its refusal: an absolute target names a second host, which outranks this one.
      requestPath(request)
      const name = canonicalHost(value)
      if (ownHosts.has(name)) return undefined
      for (const base of bases) {
        const label = name.endsWith(`.${base}`) ? name.slice(0, -base.length - 1) : ''
        if (label !== '' && !label.includes('.')) {
          return { key: { kind: 'slug', value: label }, trust: 'verified', fallback: true }
        }
      }
      return { key: { kind: 'domain', value: name }, trust: 'verified', fallback: true }
    },
  }
}

/**
 * A Host header in the form in which hosts are compared: lower-case, without port and trailing dot (T36).
 *
 * @throws {TenancyError} `REQUEST_INVALID` for user information, lists, control characters, percent-encoding and anything
 * else that two readers could read differently (RFC 9110 section 7.2; browsers send internationalised names as A-labels).
 */
export function canonicalHost(value: string): string {
  const parts = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+))(?::[0-9]{1,5})?$/.exec(value)
  const literal = parts?.[1]
  if (literal !== undefined && isIP(literal) === 6) return literal.toLowerCase()
  const name = parts?.[2]?.toLowerCase().replace(/\.$/, '')
  if (
    name === undefined ||
    name.length > 253 ||
    !name.split('.').every(label => label.length >= 1 && label.length <= 63)
  ) {
    throw new TenancyError('REQUEST_INVALID', {
      field: 'header host',
      rule: 'must be one host name with an optional port',
    })
  }
  return name
}

function configuredHost(field: keyof HostOptions, value: string): string {
  try {
    return canonicalHost(value)
  } catch (cause) {
    throw new TenancyError(
      'ARGUMENT_INVALID',
      { field, rule: 'must hold host names, such as "example.com"' },
      { cause },
    )
  }
}
