/** Where a login has ended: the token, or why there is none. */
export interface SignedIn {
  readonly token: string | undefined
  readonly error: string | undefined
  /** Where the browser was sent at last, without its fragment. */
  readonly address: string
}

/**
 * Signs in like a browser: from the button of the login wall to the provider, a name there, and back. Nothing is skipped but the pictures.
 *
 * @param wall - the address of the login wall, such as `http://127.0.0.1:3000/t/acme-eu/login`.
 */
export async function signIn(wall: string, login: string): Promise<SignedIn> {
  const cookies = new Map<string, string>()

  async function visit(url: string, body?: URLSearchParams): Promise<Response> {
    const { origin } = new URL(url)
    const own = [...cookies].filter(([key]) => key.startsWith(`${origin} `)).map(([, pair]) => pair)
    const init = { redirect: 'manual', headers: { cookie: own.join('; ') } } as const
    const answer = await fetch(url, body === undefined ? init : { ...init, method: 'POST', body })
    for (const header of answer.headers.getSetCookie()) {
      const [pair = ''] = header.split(';')
      const key = `${origin} ${pair.split('=')[0]}`
      if (pair.endsWith('=')) cookies.delete(key)
      else cookies.set(key, pair)
    }
    return answer
  }

  let address = wall.replace(/\/login$/, '/sign-in')
  let answer = await visit(address)
  for (let hops = 0; hops < 12; hops++) {
    const next = answer.headers.get('location')
    if (next === null) {
      // The provider's page asks who it is; anything else ends here.
      if (!new URL(address).pathname.startsWith('/interaction/'))
        return { token: undefined, error: `${answer.status}`, address }
      answer = await visit(address, new URLSearchParams({ login }))
      continue
    }
    const target = new URL(next, address)
    if (target.hash !== '') {
      const given = new URLSearchParams(target.hash.slice(1))
      target.hash = ''
      return {
        token: given.get('access_token') ?? undefined,
        error: given.get('error') ?? undefined,
        address: target.href,
      }
    }
    address = target.href
    answer = await visit(address)
  }
  throw new Error('The login goes round in circles.')
}
