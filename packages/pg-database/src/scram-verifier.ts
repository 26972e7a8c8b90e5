import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto'

/**
 * What Postgres stores for a password (RFC 5803), made here so that no statement carries the password itself: the text of a
 * statement stands in the server's log, in `pg_stat_activity` and in what extensions keep of it. Nobody can log in with a verifier.
 *
 * @param iterations - stretching, which makes guessable passwords dear to guess: 1 for those that are random, else the server's own 4,096.
 */
export function scramVerifier(password: string, iterations: number): string {
  const salt = randomBytes(16)
  const salted = pbkdf2Sync(password, salt, iterations, 32, 'sha256')
  const key = (label: string) => createHmac('sha256', salted).update(label).digest()
  const stored = createHash('sha256').update(key('Client Key')).digest('base64')
  return `SCRAM-SHA-256$${iterations}:${salt.toString('base64')}$${stored}:${key('Server Key').toString('base64')}`
}
