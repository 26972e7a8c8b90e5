import { createCipheriv, createDecipheriv, createSecretKey, randomBytes } from 'node:crypto'
import { TenancyError } from '@tenantry/core'
import type { KeyPort, SecretContext } from './key-port.ts'

// NIST SP 800-38D: a nonce of 96 bits, never used twice with a key; at random it is good for 2^32 secrets.
const nonceLength = 12
const tagLength = 16
const version = 1

/**
 * AES-256-GCM with a key of yours. The tenant and the name are authenticated with each secret, so that one cannot be put in the place of
 * another.
 *
 * @param key - 32 bytes, at random, kept where the database's backups are not.
 * @throws {TenancyError} `ARGUMENT_INVALID`
 * @example
 * const keys = aesKeys(Buffer.from(process.env.REGISTRY_KEY ?? '', 'base64'))
 */
export function aesKeys(key: Uint8Array): KeyPort {
  if (!(key instanceof Uint8Array) || key.byteLength !== 32)
    throw new TenancyError('ARGUMENT_INVALID', { field: 'key', rule: 'must be 32 bytes' })
  // A copy that shows itself to nobody.
  const secretKey = createSecretKey(key)
  return Object.freeze({
    async encrypt(plaintext: Uint8Array, context: SecretContext) {
      const nonce = randomBytes(nonceLength)
      const cipher = createCipheriv('aes-256-gcm', secretKey, nonce).setAAD(dataOf(context))
      const body = Buffer.concat([cipher.update(plaintext), cipher.final()])
      return Buffer.concat([Buffer.of(version), nonce, cipher.getAuthTag(), body])
    },
    async decrypt(ciphertext: Uint8Array, context: SecretContext) {
      const bytes = Buffer.from(ciphertext)
      const start = 1 + nonceLength + tagLength
      if (bytes.length < start || bytes[0] !== version) throw new Error('the ciphertext is of another kind')
      const options = { authTagLength: tagLength }
      const decipher = createDecipheriv('aes-256-gcm', secretKey, bytes.subarray(1, 1 + nonceLength), options)
      decipher.setAAD(dataOf(context)).setAuthTag(bytes.subarray(1 + nonceLength, start))
      return Buffer.concat([decipher.update(bytes.subarray(start)), decipher.final()])
    },
  })
}

function dataOf({ tenant, name }: SecretContext): Buffer {
  return Buffer.from(JSON.stringify(['tenantry.registry.secret', tenant, name]))
}
