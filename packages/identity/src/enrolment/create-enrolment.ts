import { checkWholeNumbers, consoleLogger } from '@tenantry/core'
import type { Enrolment, EnrolmentOptions } from './enrolment-options.ts'
import { manageEnrolment } from './manage-enrolment.ts'
import { redeemToken } from './redeem-token.ts'
import { tenantCheck } from './tenant-check.ts'

/**
 * Enrolment by pools and single-use tokens, such as of agents (A24–A32, S34–S36).
 *
 * @throws {TenancyError} `ARGUMENT_INVALID` for a bad `lease`.
 * @example
 * const enrolment = createEnrolment({ store: memoryEnrolment(), registry, tenancy })
 * const { secret } = await enrolment.createToken({ tenantId: 'acme_corp' }, { actor: 'ada' })
 * await enrolment.redeem(secret.reveal(), { redeemer: thumbprint, bind: ({ tenantId }) => agents.add(tenantId, thumbprint) })
 */
export function createEnrolment(options: EnrolmentOptions): Enrolment {
  const { store, registry, tenancy, audit, lease = 60_000, logger = consoleLogger } = options
  checkWholeNumbers({ lease })
  const parts = { store, tenancy, audit, lease, logger, ...tenantCheck(registry) }
  return Object.freeze({
    ...manageEnrolment(parts),
    redeem: redeemToken(parts),
    pools: async (tenantId: string) => store.pools(tenantId),
    tokens: async (tenantId: string) => store.tokens(tenantId),
    redemptions: async (tenantId: string, tokenId: string) => store.redemptions(tenantId, tokenId),
  })
}
