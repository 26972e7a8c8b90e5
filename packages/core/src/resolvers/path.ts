import { TenancyError } from '../errors.ts'
import { requestPath } from '../request-view.ts'
import type { Resolver } from '../resolver.ts'
import { slugSchema } from '../tenant-input.ts'

/** Options of {@link path}. */
export interface PathOptions {
  /**
   * What stands before the slug: with `/t`, `/t/acme/notes` is the tenant with slug `acme`, and other paths carry no signal.
   * Default none: the first segment of every path but `/` is a slug (P03).
   */
  readonly prefix?: string
}

/**
 * The tenant named by a path segment. The segment is compared as it was sent and never decoded, so that no second
 * decoding further on can make another tenant of it.
 *
 * @throws {TenancyError} `ARGUMENT_INVALID` when the prefix is not a plain path.
 * @example
 * path({ prefix: '/t' }) // GET /t/acme/notes
 */
export function path(options: PathOptions = {}): Resolver {
  const prefix = options.prefix ?? ''
  if (!/^(?:\/[A-Za-z0-9._~-]+)*$/.test(prefix)) {
    throw new TenancyError('ARGUMENT_INVALID', {
      field: 'path prefix',
      rule: 'must be a plain path such as "/t", or empty',
    })
  }
  return {
    name: 'path',
    resolve(request) {
      const target = requestPath(request)
      if (!target.startsWith(`${prefix}/`)) {
        // A router that decodes or ignores case would take it for a tenant's path, and this resolver for nobody's.
        if (prefix !== '' && loosely(target).startsWith(`${prefix.toLowerCase()}/`)) {
          throw new TenancyError('REQUEST_INVALID', { field: 'path', rule: `must spell "${prefix}/" exactly` })
        }
        return undefined
      }
      const segment = target.slice(prefix.length + 1).split('/', 1)[0] ?? ''
      if (segment === '') return undefined
      // ASCII only: the lower case of other letters (the Kelvin sign) may be an ASCII letter.
      const slug = slugSchema.safeParse(segment.replace(/[A-Z]/g, letter => letter.toLowerCase()))
      if (!slug.success) {
        throw new TenancyError('REQUEST_INVALID', {
          field: 'tenant in the path',
          rule: slug.error.issues[0]?.message ?? 'is malformed',
        })
      }
      return { key: { kind: 'slug', value: slug.data }, trust: 'verified' }
    },
  }
}

/** A path as a lenient router may read it. */
function loosely(target: string): string {
  const decoded = target.replace(/%[0-9A-Fa-f]{2}/g, code => String.fromCharCode(Number.parseInt(code.slice(1), 16)))
  return decoded.replaceAll('\\', '/').toLowerCase()
}
