import { TenancyError, type TenantJob, type TenantJobs } from '@tenantry/core'

/** The part of a job of pg-boss that is needed. */
export interface BossJob<T> {
  readonly id: string
  readonly name: string
  readonly data: TenantJob<T>
}

/**
 * A handler for `boss.work` that runs each job as the tenant that sent it.
 *
 * A job without a valid envelope fails, and its handler is not called. So does a job whose tenant is suspended or not ready; pg-boss
 * tries it again as the options of its queue say (`retryLimit`, `retryDelay`, `retryBackoff`).
 *
 * @param handler - gets the payload that was carried, and the job. What it returns is the job's output.
 * @returns a handler of batches of one. It rejects with `ARGUMENT_INVALID` when `work` is called with another `batchSize`, because a
 * batch fails as one, and the others in it may be another tenant's.
 * @example
 * await boss.send('mail', jobs.carry({ to: 'ada@example.com' })) // jobs = tenantJobs(tenancy, { key })
 * await boss.work('mail', tenantHandler(jobs, async ({ to }: Mail) => send(to)))
 */
export function tenantHandler<T, R>(
  jobs: TenantJobs,
  handler: (payload: T, job: BossJob<T>) => Promise<R>,
): (batch: readonly BossJob<T>[]) => Promise<R> {
  return async batch => {
    const [job, ...others] = batch
    if (job === undefined || others.length > 0) {
      throw new TenancyError('ARGUMENT_INVALID', { field: 'batchSize', rule: 'must be 1, since a batch fails as one' })
    }
    return jobs.run(job.data, (payload: T) => handler(payload, job))
  }
}
