import { TenancyError } from '../errors.ts'
import type { Erasure, Holding } from '../isolation.ts'
import type { Json } from '../json.ts'
import type { Tenant } from '../tenant.ts'
import { within } from '../within.ts'
import type { LifecycleHook } from './hook.ts'
import type { Participant, StepKey } from './participant.ts'
import type { OperationKind } from './transitions.ts'

/** One step of an operation. */
export interface Step {
  /** `<participant>.<member>`: how the journal knows it. */
  readonly name: string
  /** Takes it. What it gives stands in the journal. */
  readonly take: (tenant: Tenant, key: StepKey) => Promise<Json | undefined>
  /** Undoes it, also when it was taken in part. */
  readonly undo?: (tenant: Tenant, key: StepKey) => Promise<unknown>
}

/** What an operation does: `steps`, then the change of status, then `after`. */
export interface Plan {
  readonly steps: readonly Step[]
  /** Whether steps are undone when one fails. Else the operation goes on until all are taken. */
  readonly undoes: boolean
  readonly after: readonly Step[]
}

/** The step of {@link PlanParts.settle}. */
export const settling = 'settle'

/** What plans are made from. */
export interface PlanParts {
  readonly participants: readonly Participant[]
  readonly hooks: readonly LifecycleHook[]
  /** Milliseconds that work under way may still take. */
  readonly drain: number
  /** Milliseconds until no process serves the tenant any more, where no server refuses it. */
  readonly settle: number
  /** Milliseconds that a hook may take behind the change of status. */
  readonly patience: number
}

/** The plan of an operation. The same in every process, as long as the life cycle is given the same parts. */
export function planOf(kind: OperationKind, activates: boolean, parts: PlanParts): Plan {
  const { participants, hooks } = parts
  const kinds: readonly OperationKind[] = activates && isMaking(kind) ? [kind, 'activate'] : [kind]
  const after = hooks.flatMap(hook =>
    hook.on.some(each => kinds.includes(each)) ? afterStep(hook, parts.patience) : [],
  )
  switch (kind) {
    case 'create':
    case 'retry':
      return { steps: participants.flatMap(provisionStep), undoes: true, after }
    case 'resume':
    case 'restore':
      return { steps: participants.flatMap(resumeStep), undoes: true, after }
    case 'suspend':
    case 'archive':
      return {
        steps: [...settleStep(parts.settle), ...participants.flatMap(each => suspendStep(each, parts.drain))],
        undoes: false,
        after,
      }
    case 'destroy': {
      // What was made last goes first. All is erased before anything is counted: an erasure may leave work to the next.
      const erasing = [...participants].reverse()
      return { steps: [...erasing.flatMap(deprovisionStep), ...erasing.flatMap(proofStep)], undoes: false, after }
    }
    default:
      return { steps: [], undoes: true, after }
  }
}

/** Whether it makes a tenant that may be active at its end. */
export function isMaking(kind: OperationKind): boolean {
  return kind === 'create' || kind === 'retry'
}

function provisionStep(participant: Participant): Step[] {
  const { name } = participant
  if (participant.provision === undefined) return []
  return [
    {
      name: `${name}.provision`,
      take: nothing((tenant, key) => participant.provision?.(tenant, key)),
      undo: async (tenant, key) => participant.deprovision?.(tenant, key),
    },
  ]
}

function resumeStep(participant: Participant): Step[] {
  const { name } = participant
  if (participant.resume === undefined) return []
  return [
    {
      name: `${name}.resume`,
      take: nothing((tenant, key) => participant.resume?.(tenant, key)),
      undo: async (tenant, key) => participant.suspend?.(tenant, 0, key),
    },
  ]
}

function suspendStep(participant: Participant, drain: number): Step[] {
  if (participant.suspend === undefined) return []
  return [
    {
      name: `${participant.name}.suspend`,
      take: nothing((tenant, key) => participant.suspend?.(tenant, drain, key)),
    },
  ]
}

function settleStep(settle: number): Step[] {
  if (settle === 0) return []
  return [{ name: settling, take: nothing(() => new Promise(resolve => setTimeout(resolve, settle))) }]
}

function deprovisionStep(participant: Participant): Step[] {
  if (participant.deprovision === undefined) return []
  return [
    {
      name: `${participant.name}.deprovision`,
      take: async (tenant, key) => erasedBy(await participant.deprovision?.(tenant, key)),
    },
  ]
}

function proofStep(participant: Participant): Step[] {
  if (participant.inventory === undefined) return []
  return [
    {
      name: `${participant.name}.inventory`,
      take: async tenant => {
        const left = (await participant.inventory?.(tenant)) ?? []
        if (left.length > 0) throw new TenancyError('ERASURE_UNPROVEN', { tenant: tenant.id, left: left.map(describe) })
        return []
      },
    },
  ]
}

function afterStep(hook: LifecycleHook, patience: number): Step[] {
  if (hook.after === undefined) return []
  // One that hangs would keep its tenant from being suspended.
  const take = nothing((tenant, key) => within(patience, async () => hook.after?.(tenant, key)))
  return [{ name: `${hook.name}.after`, take }]
}

function nothing(take: (tenant: Tenant, key: StepKey) => Promise<unknown> | undefined): Step['take'] {
  return async (tenant, key) => {
    await take(tenant, key)
    return undefined
  }
}

function erasedBy(erasure: Erasure | undefined): Json {
  return (erasure?.erased ?? []).map(({ kind, name, count }) => ({ kind, name, count }))
}

function describe({ kind, name, count }: Holding): string {
  return `${kind} ${name} (${count})`
}
