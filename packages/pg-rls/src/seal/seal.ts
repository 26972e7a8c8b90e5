import { type Logger, TenancyError } from '@tenantry/core'
import type { Seal } from '@tenantry/pg'
import { KeptStamps } from './kept-stamps.ts'
import { checkedKey, type SealKeys } from './seal-key.ts'
import { type SealMode, sealDefaults } from './seal-sql.ts'
import { type Challenge, challengeToken, stampToken } from './token.ts'

/** A seal with the key that it seals with. */
export interface KeyedSeal {
  readonly seal: Seal
  readonly mode: SealMode
  /** Reads the key. What it throws keeps the isolation from starting. */
  load(): Promise<void>
  /** The proof for a tenant's id, where the server has answered so many milliseconds after it was asked. */
  token(tenant: string, answer: string, age: number): string
}

/** Options of {@link createSeal}. */
export interface SealOptions {
  readonly mode: SealMode
  readonly keys: SealKeys
  /** Whether transactions of one client may run on several server connections (PgBouncer in transaction mode). */
  readonly pooler: boolean
  readonly logger: Logger
}

// Microseconds around the server's clock in which a stamp holds. Wide enough for a statement that waits on its way, and for the
// error of our reading of the clock; what is captured can be replayed for as long, on the same connection.
const before = 2_000_000n
const after = 5_000_000n

// Milliseconds after which the key is read again.
const keyLasts = 60_000

// Qualified: a search_path that somebody left on the connection could put functions of their own in their place, and have a
// proof made for a time of their choice.
function question(time: string): string {
  return `select pg_catalog.encode(pg_catalog.int4send(pg_catalog.pg_backend_pid()) operator(pg_catalog.||) pg_catalog.timestamptz_send(pg_catalog.${time}()), 'hex')`
}
/** What a server connection is asked to say of itself: its pid, and the time of its transaction or of its clock. */
export const questions = { challenge: question('transaction_timestamp'), stamp: question('clock_timestamp') } as const

const noPid = Buffer.alloc(4)

function said(answer: string): Challenge {
  const bytes = Buffer.from(answer, 'hex')
  if (bytes.length !== 12) throw new TenancyError('CONNECTION_LOST', { reason: 'the server did not say who it is' })
  return bytes
}

/** Makes the proofs of a sealed pool. */
export function createSeal({ mode, keys, pooler, logger }: SealOptions): KeyedSeal {
  let key: { readonly id: number; readonly bytes: Buffer; readonly read: number } | undefined
  let reading = false
  const stamps = new KeptStamps()

  async function load(): Promise<void> {
    const given = await keys()
    key = { id: given.id, bytes: checkedKey(given), read: performance.now() }
    stamps.clear()
  }

  /** Until another key is there, the old one goes on: it holds for as long as the database has it. */
  function refresh(): void {
    if (reading) return
    reading = true
    load()
      .catch((error: unknown) => {
        logger.error({ event: 'pg-rls.seal', error: String(error) }, 'The sealing key could not be read again.')
        if (key !== undefined) key = { ...key, read: performance.now() }
      })
      .finally(() => {
        reading = false
      })
  }

  function present(): { readonly id: number; readonly bytes: Buffer } {
    if (key === undefined)
      throw new TenancyError('CONFIG_INVALID', { source: 'The sealing key', problems: ['it was not read'] })
    if (performance.now() - key.read > keyLasts) refresh()
    return key
  }

  function token(tenant: string, answer: string, age: number): string {
    const { id, bytes } = present()
    if (mode === 'challenge') return challengeToken(id, bytes, tenant, said(answer))
    return stamps.take(answer, tenant, age, () => {
      const challenge = said(answer)
      const now = challenge.readBigInt64BE(4) + BigInt(Math.round(age * 1000))
      return stampToken(id, bytes, tenant, pooler ? noPid : challenge.subarray(0, 4), now - before, now + after)
    })
  }

  return {
    mode,
    load,
    token,
    seal: {
      setting: sealDefaults.setting,
      per: mode === 'challenge' ? 'transaction' : 'connection',
      question: questions[mode],
      prove: (tenant, answer, age) => token(tenant.id, answer, age),
    },
  }
}
