import { z } from 'zod'
import type { Scope } from './context.ts'
import { TenancyError } from './errors.ts'
import type { ImpersonationEvidence } from './evidence.ts'
import type { EntryParts } from './system-scope.ts'
import type { Tenant } from './tenant.ts'

/** The longest that one may act in the place of somebody else: an hour, in milliseconds. */
export const longestImpersonation = 3_600_000

const who = 'must be text of 1–500 characters that says who, or why'
const text = z
  .string(who)
  .max(500, who)
  .refine(value => value.trim() !== '', who)

/** Both actors and the reason. */
export const actorsShape = { actor: text, as: text, reason: text }

const duration = `must be whole milliseconds, 1–${longestImpersonation.toLocaleString('en')}`
const inputSchema = z.object({
  ...actorsShape,
  duration: z.int(duration).min(1, duration).max(longestImpersonation, duration),
})

/** Who acts in whose place, where, why and for how long. */
export interface Impersonation {
  /** Who really acts, such as `jane of the help desk`. */
  readonly actor: string
  /** In whose place: a user of the tenant. */
  readonly as: string
  readonly tenant: Tenant
  readonly reason: string
  /** Milliseconds, at most an hour. */
  readonly duration: number
}

/** The part of a tenancy for work in the place of somebody else. */
export interface ImpersonatedWork {
  /**
   * Runs a unit of work as a tenant, in the place of one of its users. Written to the audit log first, with both actors: what that throws
   * is thrown, and the work is not begun. Ends with the work, or after `duration`; what goes on is refused from then on. Whoever
   * asks `evidence()` inside sees both actors.
   *
   * @throws {TenancyError} `ARGUMENT_INVALID`; `CONFIG_INVALID` for a tenancy without an audit log; `TENANT_SWITCHED` inside a tenant's
   * unit of work; and what `run` throws. Inside, `IMPERSONATION_ENDED` behind the end.
   * @example
   * const jane = { actor: 'jane', as: 'bob@acme.org', tenant: acme, reason: 'ticket 7', duration: 600_000 }
   * await tenancy.impersonate(jane, () => tenancy.evidence().by) // 'impersonation'
   */
  impersonate<T>(impersonation: Impersonation, fn: () => T): Promise<Awaited<T>>
}

export interface Impersonations extends ImpersonatedWork {
  /** Goes on with one, from an envelope. */
  resume<T>(tenant: Tenant, evidence: ImpersonationEvidence, fn: () => T): Promise<Awaited<T>>
}

/** @param admit - the snapshot of a tenant that may be served. */
export function impersonations(parts: EntryParts, admit: (tenant: Tenant) => Tenant): Impersonations {
  const { context, events, logger, audit } = parts

  async function enter<T>(
    tenant: Tenant,
    given: ImpersonationEvidence,
    resumed: boolean,
    fn: () => T,
  ): Promise<Awaited<T>> {
    const { actor, as, reason, until } = given
    const length = until - Date.now()
    const ends = performance.now() + length
    const snapshot = admit(tenant)
    if (audit === undefined) {
      const problems = ['whoever acts in the place of somebody else needs the option "audit"']
      throw new TenancyError('CONFIG_INVALID', { source: 'createTenancy', problems })
    }
    if (length <= 0) throw ended(snapshot, given)
    const event = { actor, as, reason, until, tenant: snapshot.id }
    const details = { as, until, ...(resumed ? { resumed } : {}) }
    await audit.audit({ action: 'tenant.impersonate', actor, tenant: snapshot.id, reason, details })
    logger.warn({ event: 'tenancy.impersonation', ...event }, 'Somebody acts in the place of somebody else.')
    events.emit('impersonation', event)
    const evidence = Object.freeze({ by: 'impersonation', actor, as, reason, until })
    let isDone = false
    // The clock of the wall can be set back; that of the process cannot.
    const isOver = () => isDone || performance.now() >= ends
    // The audit may have taken longer than the impersonation may last.
    if (isOver()) throw ended(snapshot, given)
    try {
      return await context.enter({ kind: 'tenant', tenant: snapshot, evidence, isOver }, fn)
    } finally {
      isDone = true
    }
  }

  async function impersonate<T>(impersonation: Impersonation, fn: () => T): Promise<Awaited<T>> {
    const checked = inputSchema.safeParse(impersonation)
    if (!checked.success) {
      const issue = checked.error.issues[0]
      const field = issue?.path.map(String).join('.') || 'impersonation'
      throw new TenancyError('ARGUMENT_INVALID', { field, rule: issue?.message ?? 'must be an object' })
    }
    const { duration: length, ...actors } = checked.data
    const outer = context.scope()
    if (outer?.kind === 'tenant') {
      throw new TenancyError('TENANT_SWITCHED', { from: outer.tenant.id, to: impersonation.tenant.id })
    }
    return enter(impersonation.tenant, { ...actors, until: Date.now() + length }, false, fn)
  }

  async function resume<T>(tenant: Tenant, evidence: ImpersonationEvidence, fn: () => T): Promise<Awaited<T>> {
    const outer = context.scope()
    if (outer?.kind === 'tenant') {
      throw new TenancyError('TENANT_SWITCHED', { from: outer.tenant.id, to: tenant.id })
    }
    if (evidence.until - Date.now() > longestImpersonation) {
      throw new TenancyError('ENVELOPE_INVALID', { rule: 'its impersonation lasts longer than any may' })
    }
    return enter(tenant, evidence, true, fn)
  }

  return { impersonate, resume }
}

/** @throws {TenancyError} `IMPERSONATION_ENDED` for one that is over. */
export function assertLasts(scope: Scope | undefined): void {
  if (scope?.kind !== 'tenant' || scope.isOver?.() !== true) return
  if (scope.evidence.by === 'impersonation') throw ended(scope.tenant, scope.evidence)
}

function ended({ id }: Tenant, { actor, until }: ImpersonationEvidence): TenancyError {
  const end = new Date(until).toISOString()
  return new TenancyError('IMPERSONATION_ENDED', { tenant: id, actor, until: end })
}
