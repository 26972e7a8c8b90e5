import { type Awaitable, type Secret, TenancyError } from '@tenantry/core'

/** A key that seals tenant contexts. */
export interface SealKey {
  /** 0–255; stands in every token, so that the server knows the key. */
  readonly id: number
  /** At least 32 bytes of text that nobody can guess, such as `openssl rand -base64 32` makes. */
  readonly secret: Secret
}

/**
 * Where the sealing key comes from: asked at start and about once a minute, so that another key can be brought in while the
 * application runs. Rotation: install the new key in the database, answer with it here, and remove the old one when the last
 * process has asked.
 *
 * @example
 * const keys: SealKeys = async () => ({ id: 1, secret: await envSecrets()('TENANTRY_SEAL_KEY_1') })
 */
export type SealKeys = () => Awaitable<SealKey>

// RFC 2104: HMAC = H(opad || H(ipad || text)), with a block of 64 bytes for SHA-256.
const block = 64

/** The two padded blocks of a key: all that the server needs to verify, and what its key table holds. */
export function paddedKeys(key: SealKey): { readonly inner: Buffer; readonly outer: Buffer } {
  const bytes = checkedKey(key)
  const padded = Buffer.alloc(block)
  bytes.copy(padded)
  return { inner: padded.map(byte => byte ^ 0x36) as Buffer, outer: padded.map(byte => byte ^ 0x5c) as Buffer }
}

/**
 * The bytes of a key.
 *
 * @throws {TenancyError} `CONFIG_INVALID`, which never shows the key.
 */
export function checkedKey({ id, secret }: SealKey): Buffer {
  const bytes = Buffer.from(secret.reveal(), 'utf8')
  const problems: string[] = []
  if (!Number.isInteger(id) || id < 0 || id > 255) problems.push('its id must be a whole number from 0 to 255')
  if (bytes.length < 32 || bytes.length > block) problems.push(`it must have 32 to ${block} bytes`)
  if (problems.length > 0) throw new TenancyError('CONFIG_INVALID', { source: 'The sealing key', problems })
  return bytes
}
