import type { Json } from '../json.ts'

/** Something that must be known later: who did what to whom, and why. Never holds a secret. */
export interface AuditEntry {
  /** Such as `tenant.suspend` or `system.enter`. */
  readonly action: string
  readonly actor: string
  /** The tenant that it concerns; absent for what concerns none, or all. */
  readonly tenant?: string
  readonly reason?: string
  readonly details?: { readonly [name: string]: Json }
}

/** Where such entries go: append-only. */
export interface AuditLog {
  /** Resolves when the entry will outlive this process. What must not happen without a trace waits for it. */
  audit(entry: AuditEntry): Promise<void>
}
