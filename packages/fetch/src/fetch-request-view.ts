import type { RequestView } from '@tenantry/core'

/** Options of {@link fetchRequestView}. */
export interface FetchRequestOptions {
  /**
   * Where the called host stands. `both`: the Host header and the URL of the request must name the same one, so that no absolute
   * target says another than the header. `header`: for servers that make the URL of their own configuration, as Next.js does behind a
   * proxy. Default `both`.
   */
  readonly host?: 'both' | 'header'
}

/**
 * The view of a Fetch `Request`, as Next.js, Bun, Deno and Hono have it.
 *
 * Fetch joins headers that stand twice with a comma (https://fetch.spec.whatwg.org/#concept-header-list-get), so every comma counts
 * as a second value: resolvers refuse such a header, since two programs may read it differently. The path is that of the URL, in
 * which the server has already resolved dot segments.
 *
 * @example
 * await tenancy.resolve(fetchRequestView(request))
 */
export function fetchRequestView(request: Request, options: FetchRequestOptions = {}): RequestView {
  const { url, headers } = request
  return {
    target: url.replace(/^[a-z]+:\/\/[^/?#]*/i, ''),
    header(name) {
      const value = headers.get(name)
      if (name === 'host') return hosts(value, url, options.host ?? 'both')
      return value === null ? [] : value.split(',').map(part => part.trim())
    },
  }
}

function hosts(header: string | null, url: string, from: 'both' | 'header'): readonly string[] {
  // Not split: a list in place of a host is refused as what it is.
  if (from === 'header') return header === null ? [] : [header]
  const called = new URL(url).host
  // Servers of HTTP/2 may give the authority as the URL alone.
  if (header === null) return [called]
  return hostnameOf(`http://${header}`) === hostnameOf(url) ? [header] : [header, called]
}

/** As it is written in URLs; `undefined` where it cannot stand in one. */
function hostnameOf(url: string): string | undefined {
  return URL.canParse(url) ? new URL(url).hostname : undefined
}
