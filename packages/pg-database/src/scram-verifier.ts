import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto'

// Stretching makes guessable passwords dear to guess. Ours are 32 random bytes, which nobody guesses, and tenants connect often.
const iterations = 1

/**
 * What Postgres stores for a random password (RFC 5803), made here so that no statement carries the password itself: the text of a
 * statement stands in the server's log, in `pg_stat_activity` and in what extensions keep of it. Nobody can log in with a verifier.
 *
 * Only for passwords that cannot be guessed: it is not stretched.
 */
export function scramVerifier(password: string): string {
  const salt = randomBytes(16)
  const salted = pbkdf2Sync(password, salt, iterations, 32, 'sha256')
  const key = (label: string) => createHmac('sha256', salted).update(label).digest()
  const stored = createHash('sha256').update(key('Client Key')).digest('base64')
  return `SCRAM-SHA-256$${iterations}:${salt.toString('base64')}$${stored}:${key('Server Key').toString('base64')}`
}
