import {
  type AuditLog,
  type EnrolmentAttempt,
  type EnrolmentStore,
  type Logger,
  type Tenancy,
  TenancyError,
} from '@tenantry/core'
import { invalid } from '../credential-header.ts'
import { checkText } from './check-text.ts'
import type { Enrolment, Redeeming } from './enrolment-options.ts'
import { hashEnrolmentSecret, noHash } from './enrolment-secret.ts'
import type { TenantCheck } from './tenant-check.ts'

/** What redeeming works with. */
export interface RedeemParts extends Pick<TenantCheck, 'findActive'> {
  readonly store: EnrolmentStore
  readonly tenancy: Pick<Tenancy, 'run'>
  readonly audit: AuditLog | undefined
  readonly lease: number
  readonly logger: Logger
}

const source = 'enrolment token'

/**
 * Reserve, bind, consume. Between any two of them the process may die: the use then stays with its redeemer, who goes on under the same
 * id. A use that was given back when binding failed might be bound already, and would be bound twice.
 */
export function redeemToken({ store, tenancy, audit, lease, logger, findActive }: RedeemParts): Enrolment['redeem'] {
  function refuse(redeemer: string): never {
    logger.warn({ event: 'enrolment.refused', redeemer }, 'A token of enrolment was refused.')
    throw invalid(source)
  }

  async function unscoped<T, U>({ redeemer, unscoped: enter }: Redeeming<T, U>): Promise<U> {
    if (enter === undefined || (await store.isBound(redeemer))) return refuse(redeemer)
    return enter(redeemer)
  }

  /** Whatever becomes of this, the attempt ends by itself when its lease is over. */
  async function giveUp(attempt: EnrolmentAttempt): Promise<void> {
    try {
      await store.giveUp(attempt)
    } catch (error) {
      const { redemption } = attempt
      logger.error({ event: 'enrolment.give-up', redemption, error: String(error) }, 'An attempt could not be ended.')
    }
  }

  return async (given, redeeming) => {
    const { redeemer, bind } = redeeming
    checkText('redeemer', redeemer ?? '', 256)
    if (given === undefined) return unscoped(redeeming)
    const hash = hashEnrolmentSecret('enrol', given)
    const tenant = await findActive((await store.token(hash))?.tenantId)
    // The store is asked in any case, for the time tells otherwise what was wrong (E13).
    const reserved = await store.reserve(tenant === undefined ? noHash : hash, redeemer, crypto.randomUUID(), lease)
    if (reserved === undefined || tenant === undefined) return refuse(redeemer)
    const { token, redemption, number } = reserved
    const attempt = { redemption, number }
    try {
      if (token.tenantId !== tenant.id) return refuse(redeemer)
      const details = { token: token.id, redemption }
      await audit?.audit({ action: 'enrolment.redeem', actor: redeemer, tenant: tenant.id, details })
      const enrolling = Object.freeze({ tenantId: tenant.id, group: token.group, redemption, redeemer })
      const bound = await tenancy.run(tenant, async () => bind(enrolling))
      if (!(await store.consume(attempt))) throw new TenancyError('OPERATION_TAKEN', { operation: redemption })
      return bound
    } catch (error) {
      await giveUp(attempt)
      throw error
    }
  }
}
