import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto'

/** What Postgres stores of a password: RFC 5803, as the engine makes it for `password_authentication: scram-sha-256`. */
export function scramPassword(password: string): string {
  const salt = randomBytes(16)
  const salted = pbkdf2Sync(password, salt, 4096, 32, 'sha256')
  const hmac = (text: string) => createHmac('sha256', salted).update(text).digest()
  const stored = createHash('sha256').update(hmac('Client Key')).digest('base64')
  return `SCRAM-SHA-256$4096:${salt.toString('base64')}$${stored}:${hmac('Server Key').toString('base64')}`
}
