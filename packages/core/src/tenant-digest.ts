import { createHash } from 'node:crypto'

/** The length of {@link tenantDigest}, in characters. */
export const digestLength = 26
const alphabet = 'abcdefghijklmnopqrstuvwxyz234567'

/**
 * What stands for a tenant where everybody can read, as names of schemas and comments can be (S12): the first 26 characters of the
 * base 32 (RFC 4648, lower-case) of the SHA-256 of its id.
 */
export function tenantDigest(id: string): string {
  const bytes = createHash('sha256').update(id).digest()
  let text = ''
  let bits = 0
  let held = 0
  for (const byte of bytes.subarray(0, 17)) {
    held = (held << 8) | byte
    for (bits += 8; bits >= 5 && text.length < digestLength; bits -= 5) text += alphabet[(held >> (bits - 5)) & 31]
    held &= 0xff
  }
  return text
}
