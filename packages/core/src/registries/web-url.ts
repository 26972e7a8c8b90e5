import { z } from 'zod'

const loopback = new Set(['localhost', '127.0.0.1', '[::1]'])

/**
 * The schema of an absolute address of the web, without a user in it.
 *
 * @param scheme - `secure`: `https:`, or `http:` on this machine only, where developers are.
 */
export function webUrl(scheme: 'any' | 'secure'): z.ZodType<string, string> {
  const rule =
    scheme === 'any'
      ? 'must be an address that begins with https:// or http://, without a user'
      : 'must be an address that begins with https:// (http:// on localhost only), without a user'
  return z.string(rule).refine(text => isWebUrl(text, scheme), { error: rule, abort: true })
}

function isWebUrl(text: string, scheme: 'any' | 'secure'): boolean {
  // What `URL` would mend, another reader may read differently.
  if (!/^https?:\/\/[^\s\\\p{Cc}]+$/u.test(text) || !URL.canParse(text)) return false
  const { protocol, hostname, username, password } = new URL(text)
  if (username !== '' || password !== '' || text.includes('@')) return false
  return scheme === 'any' || protocol === 'https:' || loopback.has(hostname)
}
