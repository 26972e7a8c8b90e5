import { randomBytes } from 'node:crypto'

// `__Host-`: only this host can have set it, over TLS, and it is sent to no other (RFC 6265bis, section 4.1.3.2).
const name = '__Host-tenantry-login'

/** The secret of a browser, by which it is known again at the end of a login. */
export interface LoginCookie {
  readonly value: string
  /** The header that sets it. */
  readonly header: string
}

/** @returns the secret that the browser has, or `undefined`; one that stands twice is none. */
export function browserOf(request: Request): string | undefined {
  const found = (request.headers.get('cookie') ?? '').split(/; */).filter(pair => pair.startsWith(`${name}=`))
  const value = found.length === 1 ? found[0]?.slice(name.length + 1) : undefined
  return value !== undefined && /^[\w-]{43}$/.test(value) ? value : undefined
}

/**
 * The cookie of a login that begins: the one that the browser has, so that logins in two of its windows do not undo each other, or a new
 * one. `Lax`, since the provider sends the browser back from another site.
 *
 * @param lifetime - in milliseconds.
 */
export function loginCookie(request: Request, lifetime: number): LoginCookie {
  const value = browserOf(request) ?? randomBytes(32).toString('base64url')
  const header = `${name}=${value}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=${Math.ceil(lifetime / 1000)}`
  return { value, header }
}
