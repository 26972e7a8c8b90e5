import { TenancyError } from './errors.ts'

/** What resolvers see of a request, the same for every server framework. */
export interface RequestView {
  /** The request target as it was received, in origin form: `/notes?page=2`. Never decoded. */
  readonly target: string
  /** Every value of a header, in order, nothing joined; `[]` when absent. Names are lower-case. */
  header(name: string): readonly string[]
}

/** The part of Node's `IncomingMessage` that a {@link RequestView} is made of. */
export interface NodeMessage {
  readonly url?: string | undefined
  /** Express keeps the target here when it has stripped a mount path off `url`. */
  readonly originalUrl?: string | undefined
  /** Names and values in turn, as they came in. HTTP/2 messages have no other list that keeps repeated headers apart. */
  readonly rawHeaders: readonly string[]
}

/** The view of a request of `node:http`, Express or Fastify (`request.raw`). */
export function nodeRequestView(message: NodeMessage): RequestView {
  const values = (name: string) =>
    message.rawHeaders.filter((_, index, all) => index % 2 === 1 && all[index - 1]?.toLowerCase() === name)
  return {
    target: message.originalUrl ?? message.url ?? '/',
    header(name) {
      if (name !== 'host') return values(name)
      // HTTP/2 carries the authority in a pseudo-header, beside which a Host header must say the same (RFC 9113, 8.3.1).
      const authority = values(':authority')
      return authority.length === 0 ? values('host') : [...new Set([...authority, ...values('host')])]
    },
  }
}

/**
 * The one value of a header that may stand only once.
 *
 * @returns `undefined` when absent.
 * @throws {TenancyError} `REQUEST_INVALID` when it stands more than once: two proxies may read it differently.
 */
export function singleHeader(request: RequestView, name: string): string | undefined {
  const values = request.header(name)
  if (values.length > 1) throw new TenancyError('REQUEST_INVALID', { field: `header ${name}`, rule: 'must stand once' })
  return values[0]
}

/**
 * The path of a request, undecoded, without the query.
 *
 * @throws {TenancyError} `REQUEST_INVALID` for any but the origin form. An absolute target would outrank the Host header
 * (RFC 9112, section 3.2.2), so that two readers of one request could see two hosts.
 */
export function requestPath(request: RequestView): string {
  if (!request.target.startsWith('/')) {
    throw new TenancyError('REQUEST_INVALID', {
      field: 'request target',
      rule: 'must be in origin form: "/path?query"',
    })
  }
  const end = request.target.search(/[?#]/)
  return end === -1 ? request.target : request.target.slice(0, end)
}
