import { setTimeout as sleep } from 'node:timers/promises'
import { isTenancyError, TenancyError } from '../errors.ts'
import type { Logger } from '../logger.ts'
import type { RegistryChange } from '../registries/registry-changes.ts'
import type { TenantKey } from '../registry.ts'
import type { Tenant } from '../tenant.ts'
import { snapshotOf } from '../tenant-snapshot.ts'
import { readOutcome, reasonOf } from './outcome.ts'
import { type Plan, type PlanParts, planOf } from './plan.ts'
import { leftError, runOperation } from './run-operation.ts'
import type { Begun, Claim, Operation, TenantStore } from './tenant-store.ts'

/** What operations are performed with. */
export interface PerformParts {
  readonly store: TenantStore
  readonly parts: PlanParts
  readonly lease: number
  readonly patience: number
  readonly announce: ((change: RegistryChange) => Promise<void>) | undefined
  readonly logger: Logger
}

/** Brings operations to their end. */
export interface Performer {
  /** The plan of an operation, and whether it has nothing to do behind the change of the record. */
  planned(operation: Pick<Operation, 'kind' | 'parameters'>): Plan & { readonly isBare: boolean }
  /**
   * Brings an operation to its end, or waits for whoever does.
   *
   * @returns the operation, done or failed.
   * @throws {TenancyError} `OPERATION_FAILED`, `OPERATION_INCOMPLETE`; `OPERATION_UNDERWAY` when another process works on it for longer
   * than anybody waits.
   */
  perform(begun: Begun): Promise<Operation>
}

/** The longest time between two looks at an operation of another process, in milliseconds. */
const longestPause = 500

export function performer({ store, parts, lease, patience, announce, logger }: PerformParts): Performer {
  const underway = new Map<string, Promise<Operation>>()

  function planned({ kind, parameters }: Pick<Operation, 'kind' | 'parameters'>): Plan & { isBare: boolean } {
    const plan = planOf(kind, parameters.activate !== false, parts)
    return { ...plan, isBare: plan.steps.length === 0 && plan.after.length === 0 }
  }

  async function tell(change: RegistryChange): Promise<void> {
    try {
      await announce?.(change)
    } catch (error) {
      logger.error(
        { event: 'lifecycle.degraded', tenant: change.id, version: change.version, reason: reasonOf(error) },
        'Other processes could not be told of a change; they see it once their caches expire.',
      )
    }
  }

  async function changed(before: Tenant, after: Tenant | undefined): Promise<void> {
    const { id } = before
    const domains = after === undefined ? [] : await store.domains(id)
    const keys: TenantKey[] = [
      { kind: 'id', value: id },
      ...[...new Set([before.slug, after?.slug ?? before.slug])].map(value => ({ kind: 'slug' as const, value })),
      ...domains.map(({ name }) => ({ kind: 'domain' as const, value: name })),
    ]
    await tell({ id, version: after?.version ?? before.version + 1, keys })
  }

  async function run(claim: Claim, begun?: Tenant): Promise<Operation> {
    const { operation } = claim
    const found = begun ?? (await store.find({ kind: 'id', value: operation.tenant }))
    const tenant = found ?? snapshotOf(operation.parameters.tenant as unknown as Tenant)
    // Whoever had it before may have died between the change and the word of it.
    await changed(tenant, found)
    const ran = await runOperation(claim, tenant, { store, plan: planned, lease, changed })
    if ('left' in ran) {
      const { id, kind } = operation
      logger.error(
        { event: 'lifecycle.left', tenant: tenant.id, operation: id, kind, ...ran.left },
        'An operation is left to be reconciled.',
      )
      throw leftError(ran)
    }
    if (ran.operation.state === 'failed') readOutcome(ran.operation, ran.cause)
    return ran.operation
  }

  async function waitFor(id: string): Promise<Operation> {
    const until = performance.now() + patience
    for (let pause = 10; ; pause = Math.min(pause * 2, longestPause)) {
      const claim = await store.claim(id, lease)
      if (claim !== undefined) {
        const ended = await unlessTaken(run(claim))
        if (ended !== undefined) return ended
      }
      const operation = await store.operation(id)
      if (operation === undefined) throw new Error(`Operation ${id} is not in the store.`)
      if (operation.state === 'done') return operation
      if (operation.state === 'failed') readOutcome(operation)
      if (performance.now() >= until) {
        throw new TenancyError('OPERATION_UNDERWAY', { tenant: operation.tenant, operation: id, kind: operation.kind })
      }
      // Not all at once, when many wait for one.
      await sleep(pause * (0.5 + Math.random()))
    }
  }

  /** Nothing when another process went on with it: its end is waited for. */
  async function unlessTaken(running: Promise<Operation>): Promise<Operation | undefined> {
    try {
      return await running
    } catch (error) {
      if (isTenancyError(error) && error.code === 'OPERATION_TAKEN') return undefined
      throw error
    }
  }

  /** One at a time in this process: who comes later waits for the first. */
  function once(id: string, work: () => Promise<Operation>): Promise<Operation> {
    const before = underway.get(id)
    if (before !== undefined) return before
    const promise = work().finally(() => underway.delete(id))
    underway.set(id, promise)
    return promise
  }

  return {
    planned,
    async perform({ operation, tenant, claim }) {
      const { id, state } = operation
      if (state === 'done') {
        if (tenant !== undefined) await changed(tenant, tenant)
        return operation
      }
      if (state === 'failed') readOutcome(operation)
      return once(id, async () => (claim && (await unlessTaken(run(claim, tenant)))) ?? waitFor(id))
    },
  }
}
