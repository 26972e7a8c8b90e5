import { createHash, randomInt } from 'node:crypto'

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'
// 43 of 62 characters are 256 bits, which nobody guesses from a fast hash (OWASP, Password Storage).
const length = 43

/** What a secret is for stands in front of it, so that scanners find it in a repository, and one kind is not taken for the other. */
export type EnrolmentSecretKind = 'enrol' | 'pool'

export function makeEnrolmentSecret(kind: EnrolmentSecretKind): string {
  return `${kind}_${Array.from({ length }, () => alphabet[randomInt(alphabet.length)]).join('')}`
}

/**
 * The hash by which a store finds a secret.
 *
 * @returns for what is no secret of this kind, a hash that no secret has: it is looked for like any other, so that the time tells nothing.
 */
export function hashEnrolmentSecret(kind: EnrolmentSecretKind, value: string): string {
  const hash = createHash('sha256').update(value, 'utf8').digest('hex')
  return /^[a-z]+_[A-Za-z0-9]{43}$/.test(value) && value.startsWith(`${kind}_`) ? hash : noHash
}

/** No SHA-256 of anything that is known has only zeros. */
export const noHash = '0'.repeat(64)
