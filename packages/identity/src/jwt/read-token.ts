import { hasDuplicateMembers } from '@tenantry/core'

/** The two JSON objects of a token, before anything of them is believed. */
export interface UnverifiedToken {
  readonly header: Readonly<Record<string, unknown>>
  readonly claims: Readonly<Record<string, unknown>>
}

// Longer than any that a server of HTTP takes in a header by default (Node: 16 KiB for all of them).
const longest = 8192

/**
 * Reads a token in compact form without believing it. Whatever two readers could read differently is refused: padding, bits
 * that base64url does not use, members of one name, a byte order mark, anything but UTF-8 (RFC 8725, section 2; RFC 7515, section 4).
 *
 * @returns what is wrong, in fixed words, instead of a token.
 */
export function readToken(token: string): UnverifiedToken | string {
  if (token.length > longest) return 'it is too long'
  const parts = /^([\w-]+)\.([\w-]+)\.([\w-]+)$/.exec(token)
  if (parts === null || parts.slice(1).some(part => Buffer.from(part, 'base64url').toString('base64url') !== part))
    return 'it is no JWS in compact form'
  const header = objectOf(parts[1] ?? '')
  const claims = objectOf(parts[2] ?? '')
  if (header === undefined || claims === undefined)
    return 'its header or its claims are no JSON object with names of its own'
  return { header, claims }
}

function objectOf(part: string): Readonly<Record<string, unknown>> | undefined {
  let value: unknown
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.from(part, 'base64url'))
    value = JSON.parse(text)
    if (hasDuplicateMembers(text)) return undefined
  } catch {
    // The parser's message quotes what it was given.
    return undefined
  }
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined
}
