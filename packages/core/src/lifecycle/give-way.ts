import type { Logger } from '../logger.ts'
import type { Plan } from './plan.ts'
import type { Operation, TenantStore } from './tenant-store.ts'

/** What {@link giveWay} works with. */
export interface GiveWayParts {
  readonly store: TenantStore
  readonly planned: (operation: Operation) => Plan
  readonly lease: number
  readonly logger: Logger
}

/**
 * Ends an operation that nobody works on and that has only hooks left to tell, so that a mail that cannot be sent keeps no tenant open.
 * Which ones were not told stands in the audit.
 *
 * @returns whether it has ended.
 */
export async function giveWay(id: string, { store, planned, lease, logger }: GiveWayParts): Promise<boolean> {
  const claim = await store.claim(id, lease)
  if (claim === undefined) return false
  const { operation } = claim
  const { kind, actor, reason, tenant, steps } = operation
  const isDone = (name: string) => steps.some(step => step.name === name && step.state === 'done')
  if (operation.state !== 'running' || !isDone('status')) {
    await store.record(claim, 0, {})
    return false
  }
  const untold = planned(operation).after.flatMap(({ name }) => (isDone(name) ? [] : [name]))
  const said = reason === undefined ? {} : { reason }
  const audit = { action: `tenant.${kind}.done`, actor, tenant, ...said, details: { operation: id, untold } }
  await store.record(claim, 0, { state: 'done', audit })
  logger.error(
    { event: 'lifecycle.untold', tenant, operation: id, kind, untold },
    'Hooks were not told of an operation, since its tenant is closed.',
  )
  return true
}
