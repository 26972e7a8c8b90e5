import { createHmac } from 'node:crypto'

/** The two kinds of token; the first byte of each, so that one is never taken for the other. */
export const kinds = { challenge: 1, stamp: 2 } as const

// kind 1 | key 1 | backend pid 4 | time 8 (challenge) or two times (stamp); then HMAC-SHA-256 over it and the tenant's id.
const header = { challenge: 14, stamp: 22 } as const

/** Length of a token in bytes. */
export const tokenLength = { challenge: header.challenge + 32, stamp: header.stamp + 32 } as const

/** What a server connection answers to the question who and when it is: pid (int4send) and a time (timestamptz_send). */
export type Challenge = Buffer

/**
 * A token for one transaction on one connection: its pid and its transaction timestamp, as the server said them. It can be used
 * nowhere else and at no other time.
 */
export function challengeToken(keyId: number, key: Buffer, tenant: string, challenge: Challenge): string {
  return sign(key, Buffer.concat([Buffer.of(kinds.challenge, keyId), challenge]), tenant)
}

/**
 * A token for one connection and a few seconds of the server's clock.
 *
 * @param pid - of the connection as `int4send` gives it; zero behind a pooler, where it changes with every transaction.
 * @param notBefore - microseconds since 2000-01-01 UTC, as `timestamptz_send` counts (section "Date/Time Types").
 */
export function stampToken(
  keyId: number,
  key: Buffer,
  tenant: string,
  pid: Buffer,
  notBefore: bigint,
  notAfter: bigint,
): string {
  const times = Buffer.alloc(16)
  times.writeBigInt64BE(notBefore, 0)
  times.writeBigInt64BE(notAfter, 8)
  return sign(key, Buffer.concat([Buffer.of(kinds.stamp, keyId), pid, times]), tenant)
}

function sign(key: Buffer, head: Buffer, tenant: string): string {
  // Everything in front of the id has a fixed width, so that no two (head, id) pairs give the same text.
  const mac = createHmac('sha256', key).update(head).update(tenant, 'utf8').digest()
  return Buffer.concat([head, mac]).toString('hex')
}
