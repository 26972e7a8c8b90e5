import { AsyncResource } from 'node:async_hooks'
import { createHmac, timingSafeEqual } from 'node:crypto'
import type { TenantEnvelope } from './envelope.ts'
import { TenancyError } from './errors.ts'
import type { Json } from './json.ts'
import { canonicalJson } from './lifecycle/canonical-json.ts'
import type { Secret } from './secret.ts'
import type { Tenancy } from './tenancy.ts'

/** What stands in a queue for a job of a tenant: plain JSON. */
export interface TenantJob<T = unknown> {
  readonly tenant: TenantEnvelope
  readonly payload: T
  /** HMAC-SHA-256 of all the rest, in base64url. */
  readonly signature?: string
}

/** Options of {@link tenantJobs}. */
export interface TenantJobsOptions {
  /**
   * Signs jobs, so that nobody who can write to the queue changes whose a job is, or what it says. At least 32 characters; one for each
   * queue, since a job may be repeated and moved between queues of one key. The first signs, all are accepted. Default: jobs are not
   * signed, and whoever writes to the queue is believed.
   */
  readonly key?: Secret | readonly Secret[]
}

/** Jobs that run as the tenant that made them, for any queue that carries JSON. */
export interface TenantJobs {
  /**
   * What to put into the queue: the payload and whose it is.
   *
   * @throws {TenancyError} as {@link Tenancy.capture}; `ARGUMENT_INVALID` for a payload that JSON cannot carry.
   */
  carry<T>(payload: T): TenantJob<T>
  /**
   * Runs a job that was taken out of the queue, as its tenant, whose status is checked again; also where the worker was started in the
   * context of another tenant.
   *
   * @throws {TenancyError} `ENVELOPE_INVALID` for what was not made by {@link TenantJobs.carry}, or was changed since; and as
   * {@link Tenancy.resume}. Then `fn` was not called.
   */
  run<T, R>(job: unknown, fn: (payload: T) => R): Promise<Awaited<R>>
}

/**
 * Carries tenants through a queue.
 *
 * @throws {TenancyError} `ARGUMENT_INVALID` for a key that is too short.
 * @example
 * const jobs = tenantJobs(tenancy, { key: await envSecrets()('MAIL_QUEUE_KEY') })
 * await queue.add('send', jobs.carry({ to: 'ada@example.com' })) // as a tenant
 * await jobs.run(job.data, ({ to }) => send(to)) // in the worker
 */
export function tenantJobs(tenancy: Pick<Tenancy, 'capture' | 'resume'>, options: TenantJobsOptions = {}): TenantJobs {
  const keys = [options.key ?? []].flat() as readonly Secret[]
  if (keys.some(key => key.reveal().length < 32)) {
    throw new TenancyError('ARGUMENT_INVALID', { field: 'key', rule: 'must have at least 32 characters' })
  }
  const outside = new AsyncResource('tenantry.jobs')

  function carry<T>(payload: T): TenantJob<T> {
    const job = { tenant: tenancy.capture(), payload }
    const [key] = keys
    return key === undefined ? job : { ...job, signature: signatureOf(job, key).toString('base64url') }
  }

  function check({ tenant, payload, signature }: Partial<TenantJob>): void {
    if (keys.length === 0) {
      if (signature !== undefined) throw invalid('it is signed, and there is no key to check it with')
      return
    }
    if (typeof signature !== 'string') throw invalid('it must be signed')
    const given = Buffer.from(signature, 'base64url')
    const fits = (key: Secret): boolean => {
      const wanted = signatureOf({ tenant, payload }, key)
      return given.length === wanted.length && timingSafeEqual(given, wanted)
    }
    if (!keys.some(fits)) throw invalid('it was changed, or signed with another key')
  }

  async function run<T, R>(job: unknown, fn: (payload: T) => R): Promise<Awaited<R>> {
    if (typeof job !== 'object' || job === null) throw invalid('the job carries none')
    check(job)
    const { tenant, payload } = job as Partial<TenantJob<T>>
    return outside.runInAsyncScope(() => tenancy.resume(tenant, () => fn(payload as T)))
  }

  return { carry, run }
}

/** Of what is left of it in JSON, since a queue may order names anew and drops what JSON does not know. */
function signatureOf({ tenant, payload }: { tenant: unknown; payload: unknown }, key: Secret): Buffer {
  const text = canonicalJson(asJson({ tenant, payload }))
  return createHmac('sha256', key.reveal()).update(`tenantry.job.v1\0${text}`, 'utf8').digest()
}

function asJson(value: unknown): Json {
  try {
    return JSON.parse(JSON.stringify(value))
  } catch (cause) {
    throw new TenancyError('ARGUMENT_INVALID', { field: 'payload', rule: 'must be what JSON can carry' }, { cause })
  }
}

function invalid(rule: string): TenancyError {
  return new TenancyError('ENVELOPE_INVALID', { rule })
}
