/** What has happened since the start. Plain numbers. */
export interface BudgetMetrics {
  readonly max: number
  /** Connections now: `total` is the sum of the others. */
  readonly total: number
  readonly busy: number
  readonly idle: number
  readonly opening: number
  readonly closing: number
  /** Statements and leases that wait for a connection now. */
  readonly waiting: number
  /** Tenants that have connections or wait for one now. */
  readonly tenants: number
  /** How often a connection was there at once, and how often one had to be waited for. */
  readonly hits: number
  readonly misses: number
  readonly opened: number
  readonly failed: number
  /** Connections that were closed for another tenant's sake: idle ones, and busy ones when their turn was over. */
  readonly evicted: number
  readonly yielded: number
  readonly timeouts: number
}
