import type { Session } from '@tenantry/pg'
import type { Login } from '../logins/login-keeper.ts'

/** A connection to one tenant's database, seen to be that. */
export interface Connection {
  readonly session: Session
  /** With which it was opened. */
  readonly login: Login
  /** Set when it must not be used again once it is left. */
  retired: boolean
  /** When it was left last, on the clock of `performance.now()`. */
  idleSince: number
  /** When this tenant got it, on the same clock. */
  readonly openedAt: number
  /** Resolves when the server has let go of it. */
  close(): Promise<void>
}
