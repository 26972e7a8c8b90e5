import type { LoginTarget } from '@tenantry/core'

/** What a broker's process is told first. */
export interface Opening {
  readonly kind: 'open'
  /** By server: where the broker logs in. */
  readonly brokers: Readonly<Record<string, string>>
  readonly prefix: string
  readonly lifetime: number
  readonly sweepEvery: number
  /** Where each password that is made is noted: nobody who is looked into for them may remember them. */
  readonly notes: string
}

/** What it is asked. */
export interface Call {
  readonly kind: 'call'
  readonly id: number
  readonly method: 'ready' | 'broker' | 'issue' | 'revoke' | 'revokeAll' | 'withdraw' | 'close'
  readonly server?: string
  readonly target?: LoginTarget
  readonly lease?: string
}

/** Credentials on their way. */
export interface PlainCredentials {
  readonly username: string
  readonly password: string
  readonly expiresAt: number
  readonly lease: string
}

export type Answer =
  | { readonly kind: 'answer'; readonly id: number; readonly value?: PlainCredentials | string }
  | { readonly kind: 'failure'; readonly id: number; readonly code: string; readonly message: string }
  | { readonly kind: 'log'; readonly level: string; readonly line: string }
