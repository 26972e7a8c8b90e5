/** A browser without a window: cookies by origin and path, and redirects one at a time. */
export interface Browser {
  /** Asks, and follows nothing. */
  visit(url: string, init?: RequestInit): Promise<Response>
  /** Follows redirects until there is none, or until one leads to an address that begins with `until`: that address. */
  follow(url: string, until: string, init?: RequestInit): Promise<string>
  /** What it would send. */
  cookiesFor(url: string): string
}

export function openBrowser(): Browser {
  const jar = new Map<string, { readonly origin: string; readonly path: string; readonly pair: string }>()

  function cookiesFor(url: string): string {
    const { origin, pathname } = new URL(url)
    const own = [...jar.values()].filter(cookie => cookie.origin === origin && pathname.startsWith(cookie.path))
    return own.map(({ pair }) => pair).join('; ')
  }

  async function visit(url: string, init: RequestInit = {}): Promise<Response> {
    const cookie = cookiesFor(url)
    const headers = { ...init.headers, ...(cookie !== '' && { cookie }) }
    const response = await fetch(url, { ...init, headers, redirect: 'manual' })
    const { origin } = new URL(url)
    for (const set of response.headers.getSetCookie()) {
      const [pair = '', ...attributes] = set.split(/; */)
      const path = attributes.find(each => each.toLowerCase().startsWith('path='))?.slice(5) ?? '/'
      const key = `${origin} ${path} ${pair.split('=', 1)[0]}`
      if (/expires=thu, 01 jan 1970/i.test(set)) jar.delete(key)
      else jar.set(key, { origin, path, pair })
    }
    return response
  }

  async function follow(url: string, until: string, init?: RequestInit): Promise<string> {
    let [address, options] = [url, init]
    for (let step = 0; step < 12; step++) {
      const response = await visit(address, options)
      const location = response.headers.get('location')
      if (location === null) return address
      address = new URL(location, address).href
      options = undefined
      if (address.startsWith(until)) return address
    }
    throw new Error(`It goes on and on, at ${address}.`)
  }

  return { visit, follow, cookiesFor }
}
