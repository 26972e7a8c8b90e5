import { TenancyError } from './errors.ts'
import type { Tenant } from './tenant.ts'

/** Options of `tenancy.forEach`. */
export interface ForEachOptions {
  /** How many tenants are worked on at once. Default 4. */
  readonly concurrency?: number
}

/**
 * Runs work over the active tenants, at most `concurrency` at once. The failure of one tenant does not stop the others.
 *
 * @returns how many tenants were worked on.
 * @throws {TenancyError} `FOR_EACH_FAILED` after the last one, when any failed; its cause is an `AggregateError` of the
 * failures. `ARGUMENT_INVALID` for a concurrency below one.
 */
export async function forEachTenant(
  tenants: AsyncIterable<Tenant>,
  work: (tenant: Tenant) => unknown,
  options: ForEachOptions = {},
): Promise<number> {
  const { concurrency = 4 } = options
  if (!Number.isInteger(concurrency) || concurrency < 1) {
    throw new TenancyError('ARGUMENT_INVALID', { field: 'concurrency', rule: 'must be a whole number of at least 1' })
  }
  const source = tenants[Symbol.asyncIterator]()
  const failed: string[] = []
  const causes: unknown[] = []
  let total = 0

  async function worker(): Promise<void> {
    for (;;) {
      const next = await source.next()
      if (next.done === true) return
      const tenant = next.value
      if (tenant.status !== 'active') continue
      total += 1
      try {
        await work(tenant)
      } catch (error) {
        failed.push(tenant.id)
        causes.push(error)
      }
    }
  }

  // When the list itself breaks, work that has begun is still waited for: nothing goes on behind the caller's back.
  const ends = await Promise.allSettled(Array.from({ length: concurrency }, worker))
  for (const end of ends) if (end.status === 'rejected') throw end.reason
  if (failed.length > 0) {
    const cause = new AggregateError(causes, `The work failed for ${failed.length} tenants.`)
    throw new TenancyError('FOR_EACH_FAILED', { failed, total }, { cause })
  }
  return total
}
