import { isTenancyError, TenancyError } from '../errors.ts'
import type { Tenant } from '../tenant.ts'
import { type Failure, failedOutcome, failureOf, outcomeOf } from './outcome.ts'
import { isMaking, type Plan, type Step, settling } from './plan.ts'
import type { Claim, JournalStep, Operation, Progress, TenantStore, TenantWrite } from './tenant-store.ts'
import { type Transition, transitions } from './transitions.ts'

/** What an operation is run with. */
export interface RunParts {
  readonly store: TenantStore
  readonly plan: (operation: Operation) => Plan
  /** Milliseconds that nobody else takes the operation over after a sign of life. */
  readonly lease: number
  /** Told of the tenant after each change of its record. */
  readonly changed: (before: Tenant, after: Tenant | undefined) => Promise<void>
}

/** How a run ended. */
export type Ran =
  | { readonly operation: Operation; readonly cause?: unknown }
  /** It could not be ended: it is left to whoever claims it next. */
  | { readonly left: Failure; readonly operation: Operation; readonly cause: unknown }

const statusChange = 'status'

/**
 * Takes the steps of a claimed operation that were not taken yet, each recorded before and behind; when one fails, undoes those that
 * were begun, the last one first. Whoever stops in the middle leaves a journal from which another goes on.
 *
 * @throws {TenancyError} `OPERATION_TAKEN` when somebody else went on in the meantime; what the store throws.
 */
export async function runOperation(
  claim: Claim,
  tenant: Tenant,
  { store, plan, lease, changed }: RunParts,
): Promise<Ran> {
  const { id, kind, actor, reason } = claim.operation
  const { steps, undoes, after } = plan(claim.operation)
  const journal = new Map(claim.operation.steps.map(step => [step.name, step]))
  const transition: Transition = transitions[kind]
  let current = tenant
  let operation = claim.operation

  const lost = lostStep(['begun', 'undoing'])
  if (lost !== undefined) return leave(lost)
  if (operation.state === 'running') {
    const isPast = () => journal.get(statusChange)?.state === 'done'
    let failure = isPast() ? undefined : await takeAll(steps)
    if (failure === undefined) {
      // One write for both, where nothing comes behind it.
      if (after.length === 0) return { operation: await end('done', isPast() ? undefined : statusWrite()) }
      if (!isPast()) await note({ name: statusChange, state: 'done' }, statusWrite())
      failure = await takeAll(after)
    }
    if (failure === undefined) return { operation: await end('done') }
    if (!undoes || isPast()) return leave(failure)
    const outcome = failedOutcome(failure.failure)
    await write({ state: 'undoing', outcome })
    operation = { ...operation, state: 'undoing', outcome }
    const undone = await undoAll()
    if (undone !== undefined) return leave(undone)
    return { operation: await fail(), cause: failure.cause }
  }
  const undone = await undoAll()
  return undone === undefined ? { operation: await fail() } : leave(undone)

  async function takeAll(all: readonly Step[]): Promise<{ failure: Failure; cause: unknown } | undefined> {
    for (const step of all) {
      const known = journal.get(step.name)?.state
      if (known === 'done') continue
      if (known === undefined) await note({ name: step.name, state: 'begun' })
      try {
        const result = await alive(() => step.take(current, `${id}/${step.name}`))
        await note({ name: step.name, state: 'done', ...(result === undefined ? {} : { result }) })
      } catch (cause) {
        if (isTaken(cause)) throw cause
        return { failure: failureOf(step.name, cause), cause }
      }
    }
    return undefined
  }

  /**
   * A step that the operation was begun with, and whose participant is not here, or is not what it was. A hook that is gone has nothing
   * to end.
   */
  function lostStep(states: readonly JournalStep['state'][]): { failure: Failure; cause: unknown } | undefined {
    const ours = new Set([...steps.map(({ name }) => name), statusChange, settling])
    const begun = [...journal.values()].flatMap(({ name, state }) =>
      states.includes(state) && !name.endsWith('.after') ? [name] : [],
    )
    const wanted = (claim.operation.parameters.steps ?? []) as readonly string[]
    const unbegun = operation.state === 'running' ? wanted.filter(name => !journal.has(name)) : []
    const lost = [...begun, ...unbegun].find(name => !ours.has(name))
    if (lost === undefined) return undefined
    const problems = [`no participant has the step ${lost}, which operation ${id} was begun with`]
    const cause = new TenancyError('CONFIG_INVALID', { source: 'createLifecycle', problems })
    return { failure: failureOf(lost, cause), cause }
  }

  async function undoAll(): Promise<{ failure: Failure; cause: unknown } | undefined> {
    const lost = lostStep(['begun', 'done', 'undoing'])
    if (lost !== undefined) return lost
    for (const step of [...steps].reverse()) {
      const known = journal.get(step.name)?.state
      if (known === undefined || known === 'undone' || step.undo === undefined) continue
      if (known !== 'undoing') await note({ name: step.name, state: 'undoing' })
      try {
        await alive(() => step.undo?.(current, `${id}/${step.name}`) ?? Promise.resolve())
      } catch (cause) {
        if (isTaken(cause)) throw cause
        // The adapter has looked, and there is nothing of ours: what stopped the step was somebody else's.
        if (!isTenancyError(cause) || cause.code !== 'OBJECT_FOREIGN') {
          return { failure: failureOf(step.name, cause), cause }
        }
      }
      await note({ name: step.name, state: 'undone' })
    }
    return undefined
  }

  function statusWrite(): TenantWrite | undefined {
    if (transition.to === 'gone') return { remove: current.id }
    const stays = isMaking(kind) && operation.parameters.activate === false
    const to = stays ? transition.during : transition.to
    return to === 'same' || to === current.status ? undefined : { update: current.id, set: { status: to } }
  }

  async function fail(): Promise<Operation> {
    const to = transition.failed
    return end(
      'failed',
      to === undefined || to === current.status ? undefined : { update: current.id, set: { status: to } },
    )
  }

  async function end(state: 'done' | 'failed', change?: TenantWrite): Promise<Operation> {
    const said = reason === undefined ? {} : { reason }
    const why = state === 'failed' && operation.outcome !== undefined ? { outcome: operation.outcome } : {}
    const audit = {
      action: `tenant.${kind}.${state}`,
      actor,
      tenant: current.id,
      ...said,
      details: { operation: id, ...why },
    }
    await write({ state, audit, ...(change === undefined ? {} : { write: change }) })
    const outcome = state === 'done' ? { outcome: outcomeOf(current) } : {}
    return { ...operation, ...outcome, state, steps: [...journal.values()] }
  }

  async function leave({ failure, cause }: { failure: Failure; cause: unknown }): Promise<Ran> {
    // A lease of nothing lets go, so that a reconciler need not wait for its end.
    await store.record(claim, 0, {})
    return { left: failure, operation: { ...operation, steps: [...journal.values()] }, cause }
  }

  async function note(step: JournalStep, change?: TenantWrite): Promise<void> {
    await write({ step, ...(change === undefined ? {} : { write: change }) })
    journal.set(step.name, step)
  }

  async function write(progress: Progress): Promise<void> {
    const now = await store.record(claim, lease, progress)
    if (progress.write === undefined) return
    const before = current
    if (now !== undefined) current = now
    await changed(before, now)
  }

  /** Signs of life while a step takes long; without them another process would take it at the same time. */
  async function alive<T>(work: () => Promise<T>): Promise<T> {
    let beat: Promise<unknown> = Promise.resolve()
    const timer = setInterval(() => {
      // What it throws, the note behind the step throws too, and that one is heard.
      beat = beat.then(() => store.record(claim, lease, {})).catch(() => undefined)
    }, lease / 3)
    try {
      return await work()
    } finally {
      clearInterval(timer)
      await beat
    }
  }
}

function isTaken(error: unknown): boolean {
  return isTenancyError(error) && error.code === 'OPERATION_TAKEN'
}

/** The error of an operation that is left: what is done holds, and the rest is done by whoever claims it next. */
export function leftError({ operation, left, cause }: Extract<Ran, { left: Failure }>): TenancyError {
  const { id, tenant } = operation
  return new TenancyError('OPERATION_INCOMPLETE', { tenant, operation: id, ...left }, { cause })
}
