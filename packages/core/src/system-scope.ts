import type { Context } from './context.ts'
import { TenancyError } from './errors.ts'
import type { Events } from './events.ts'
import type { SystemAccess } from './evidence.ts'
import type { AuditLog } from './lifecycle/audit.ts'
import type { Logger } from './logger.ts'

/** The system scope, once it was entered. Frozen, and another one at each entry. */
export interface EnteredSystem extends SystemAccess {
  /** Whether the entry stands in an audit log. Handles that look across tenants refuse to work otherwise. */
  readonly isAudited: boolean
}

/** The part of a tenancy for work that belongs to no tenant. */
export interface SystemWork {
  /**
   * Runs work that belongs to no tenant. Written to the audit log first, if the tenancy has one: what it throws is thrown, and the work
   * is not begun. Logged, and told to `system` listeners. There is no tenant inside, so tenant handles refuse to work; `run` may
   * enter any tenant. The scope is over when the work is.
   *
   * @throws {TenancyError} `ARGUMENT_INVALID` without an actor or a reason; `TENANT_SWITCHED` in an impersonation, which is of one tenant.
   * @example
   * await tenancy.runAsSystem({ actor: 'billing', reason: 'monthly totals' }, () => countNotesOfAll())
   */
  runAsSystem<T>(access: SystemAccess, fn: () => T): Promise<Awaited<T>>
  /**
   * The system scope that the caller is in.
   *
   * @throws {TenancyError} `SYSTEM_SCOPE_REQUIRED` outside of one, in a tenant's unit of work, and once it has ended.
   */
  system(): EnteredSystem
}

/** What the parts of a tenancy share that enter something of which others must know. */
export interface EntryParts {
  readonly context: Context
  readonly events: Events
  readonly logger: Logger
  readonly audit: AuditLog | undefined
}

export function systemWork({ context, events, logger, audit }: EntryParts): SystemWork {
  async function runAsSystem<T>(given: SystemAccess, fn: () => T): Promise<Awaited<T>> {
    const { actor, reason } = given
    for (const [field, value] of Object.entries({ actor, reason })) {
      if (typeof value !== 'string' || value.trim() === '') {
        throw new TenancyError('ARGUMENT_INVALID', { field, rule: 'must say who looks across tenants, or why' })
      }
    }
    const outer = context.scope()
    const from = outer?.kind === 'tenant' ? outer.tenant.id : undefined
    if (outer?.kind === 'tenant' && outer.evidence.by === 'impersonation') {
      throw new TenancyError('TENANT_SWITCHED', { from: outer.tenant.id, to: 'the system' })
    }
    const event = { actor, reason, ...(from === undefined ? {} : { from }) }
    const details = from === undefined ? {} : { details: { from } }
    await audit?.audit({ action: 'system.enter', actor, reason, ...details })
    logger.warn({ event: 'tenancy.system', ...event }, 'The system scope was entered.')
    events.emit('system', event)
    const access = Object.freeze({ actor, reason, isAudited: audit !== undefined })
    let isOver = false
    try {
      return await context.enter({ kind: 'system', access, isOver: () => isOver }, fn)
    } finally {
      isOver = true
    }
  }

  function system(): EnteredSystem {
    const scope = context.scope()
    if (scope?.kind !== 'system') throw new TenancyError('SYSTEM_SCOPE_REQUIRED', { scope: scope?.kind ?? 'none' })
    if (scope.isOver()) throw new TenancyError('SYSTEM_SCOPE_REQUIRED', { scope: 'ended' })
    return scope.access
  }

  return { runAsSystem, system }
}
