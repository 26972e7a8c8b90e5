import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto'

// Stretching makes guessable passwords dear to guess; these are 24 random bytes, and storms log in a hundred times a second.
const iterations = 1

/**
 * What PostgreSQL stores for a password (RFC 5803), made here so that no statement carries the password itself: a failed
 * statement stands in the server's log.
 */
export const scramVerifier = (password: string): string => {
  const salt = randomBytes(16)
  const salted = pbkdf2Sync(password, salt, iterations, 32, 'sha256')
  const key = (label: string) => createHmac('sha256', salted).update(label).digest()
  const stored = createHash('sha256').update(key('Client Key')).digest('base64')
  return `SCRAM-SHA-256$${iterations}:${salt.toString('base64')}$${stored}:${key('Server Key').toString('base64')}`
}
