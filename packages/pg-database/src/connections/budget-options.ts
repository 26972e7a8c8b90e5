import { checkWholeNumbers, TenancyError } from '@tenantry/core'

/** How many connections there may be, and for how long one is waited for. */
export interface BudgetOptions {
  /** Connections over all tenants and servers, those that are being opened and closed included. Default 20. */
  readonly max?: number
  /** Connections of one tenant. Default a quarter of `max`, at least 1. */
  readonly maxPerTenant?: number
  /** Milliseconds that a statement or a lease waits for a connection. Default 5,000. */
  readonly queueTimeout?: number
  /** Milliseconds after which an idle connection is closed, more or less, so that not all are at once. Default 10,000. */
  readonly idleTimeout?: number
  /**
   * Milliseconds that a tenant may keep its only connection busy while another tenant has none, and none is idle. Reconnecting
   * takes a few milliseconds, so that less is fairer and slower. Default 50.
   */
  readonly turn?: number
}

/** @throws {TenancyError} `ARGUMENT_INVALID` */
export function budgetTerms(options: BudgetOptions): Required<BudgetOptions> {
  const { max = 20, queueTimeout = 5_000, idleTimeout = 10_000, turn = 50 } = options
  const { maxPerTenant = Math.max(1, Math.floor(max / 4)) } = options
  checkWholeNumbers({
    ...{ 'connections.max': max, 'connections.maxPerTenant': maxPerTenant },
    ...{ 'connections.queueTimeout': queueTimeout, 'connections.idleTimeout': idleTimeout },
  })
  if (!(turn >= 0))
    throw new TenancyError('ARGUMENT_INVALID', { field: 'connections.turn', rule: 'must not be negative' })
  return { max, maxPerTenant, queueTimeout, idleTimeout, turn }
}
