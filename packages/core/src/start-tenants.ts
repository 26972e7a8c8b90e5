import { TenancyError } from './errors.ts'
import { forEachTenant } from './for-each.ts'
import { consoleLogger, type Logger } from './logger.ts'
import type { Tenant } from './tenant.ts'

/** What has to be connected for each tenant before it is served: a store, a queue. */
export interface StartPart {
  /** Short and stable, such as `mongo`; stands in logs. */
  readonly name: string
  /** Resolves when the tenant's part is ready, and logs that. */
  readonly connect: (tenant: Tenant) => Promise<void>
}

/** Options of {@link startTenants}. */
export interface StartTenantsOptions {
  /**
   * `abort`, the default: when any tenant is not ready, nobody is served. `degrade`: those that are ready are served, and the others
   * are named in what is returned.
   */
  readonly onFailure?: 'abort' | 'degrade'
  /** How many tenants are worked on at once. Default 8. */
  readonly concurrency?: number
  /** Told after each tenant, ready or not, how many are done. What it throws is logged and changes nothing. */
  readonly onProgress?: (done: number, total: number) => void
  /** Hears of each tenant that begins (`tenant.init.start`) and that fails (`tenant.init.failed`). */
  readonly logger?: Logger
}

/** How the start went. Ids in the order of the tenants. */
export interface StartedTenants {
  readonly ready: readonly string[]
  /** With `degrade` only: the tenants that are not ready, the part that failed, and why. */
  readonly failed: readonly { readonly tenant: string; readonly part: string; readonly error: unknown }[]
}

/**
 * Connects the parts of every active tenant before the application listens (I09): the parts of one tenant in their order, and the next
 * only when the one before is ready; all tenants are tried, whatever becomes of the others.
 *
 * @throws {TenancyError} `FOR_EACH_FAILED` with `abort`, once the last one has ended, naming every tenant that is not ready; what is
 * connected then is the caller's to close. `ARGUMENT_INVALID`; and what the list of tenants throws.
 * @example
 * const { failed } = await startTenants(registry.list(), [mongo, redis], { onFailure: 'degrade' })
 */
export async function startTenants(
  tenants: Iterable<Tenant> | AsyncIterable<Tenant>,
  parts: readonly StartPart[],
  options: StartTenantsOptions = {},
): Promise<StartedTenants> {
  const { onFailure = 'abort', concurrency = 8, onProgress, logger = consoleLogger } = options
  if (onFailure !== 'abort' && onFailure !== 'degrade')
    throw new TenancyError('ARGUMENT_INVALID', { field: 'onFailure', rule: 'must be "abort" or "degrade"' })
  const active: Tenant[] = []
  for await (const tenant of tenants) if (tenant.status === 'active') active.push(tenant)
  const failures = new Map<string, { readonly part: string; readonly error: unknown }>()
  let done = 0

  async function start(tenant: Tenant): Promise<void> {
    const { id } = tenant
    logger.info({ event: 'tenant.init.start', tenant: id }, `Initializing tenant: ${id}`)
    for (const { name, connect } of parts) {
      try {
        await connect(tenant)
      } catch (error) {
        failures.set(id, { part: name, error })
        logger.error(
          { event: 'tenant.init.failed', tenant: id, part: name, error },
          `Tenant ${id} is not ready: ${name}`,
        )
        if (onFailure === 'abort') throw error
        return
      }
    }
  }

  function tell(): void {
    done += 1
    try {
      onProgress?.(done, active.length)
    } catch (error) {
      logger.warn({ event: 'tenant.init.progress', error }, 'The listener of the progress failed.')
    }
  }

  await forEachTenant(listOf(active), tenant => start(tenant).finally(tell), { concurrency })
  return {
    ready: active.map(({ id }) => id).filter(id => !failures.has(id)),
    failed: active.flatMap(({ id }) => {
      const failure = failures.get(id)
      return failure === undefined ? [] : [{ tenant: id, ...failure }]
    }),
  }
}

async function* listOf(tenants: readonly Tenant[]): AsyncGenerator<Tenant> {
  yield* tenants
}
