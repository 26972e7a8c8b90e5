import { checkWholeNumbers, type ErrorCode, type TenantJob, type TenantJobs, tenancyErrorOf } from '@tenantry/core'
import { DelayedError, type Job, UnrecoverableError } from 'bullmq'

/** Options of {@link tenantProcessor}. */
export interface TenantProcessorOptions {
  /** Milliseconds after which a job is tried again whose tenant is suspended or not ready. Default 60,000. */
  readonly retryAfter?: number
}

/** What may be otherwise later. */
const passing: readonly (ErrorCode | undefined)[] = ['TENANT_SUSPENDED', 'TENANT_NOT_READY']
/** What never will. */
const final: readonly (ErrorCode | undefined)[] = ['ENVELOPE_INVALID', 'IMPERSONATION_ENDED']

/**
 * A processor for a BullMQ worker that runs each job as the tenant that added it.
 *
 * A job without a valid envelope fails for good, whatever attempts it has, and its handler is not called. While its tenant is suspended
 * or not ready, also when that is noticed in the middle of the work, a job is put off and keeps its attempts. All other errors are
 * BullMQ's to retry, as the job's options say.
 *
 * @param handler - gets the payload that was carried, the job and its token.
 * @throws {TenancyError} `ARGUMENT_INVALID` for a `retryAfter` that is no whole number of at least 1.
 * @example
 * await queue.add('send', jobs.carry({ to: 'ada@example.com' })) // jobs = tenantJobs(tenancy, { key })
 * new Worker('mail', tenantProcessor(jobs, async ({ to }: Mail) => send(to)), { connection })
 */
export function tenantProcessor<T, R>(
  jobs: TenantJobs,
  handler: (payload: T, job: Job<TenantJob<T>, R>, token?: string) => Promise<R>,
  options: TenantProcessorOptions = {},
): (job: Job<TenantJob<T>, R>, token?: string) => Promise<R> {
  const { retryAfter = 60_000 } = options
  checkWholeNumbers({ retryAfter }, 1)
  return async (job, token) => {
    let isBegun = false
    try {
      return await jobs.run(job.data, (payload: T) => {
        isBegun = true
        return handler(payload, job, token)
      })
    } catch (error) {
      const known = tenancyErrorOf(error)
      if (passing.includes(known?.code)) {
        await job.moveToDelayed(Date.now() + retryAfter, token)
        throw new DelayedError()
      }
      if (isBegun || !final.includes(known?.code)) throw error
      throw Object.assign(new UnrecoverableError(known?.message), { cause: error })
    }
  }
}
