import {
  type Awaitable,
  bindMessage,
  consoleLogger,
  isTenancyError,
  type Logger,
  type NodeEmitter,
  type Tenancy,
  type TenancyError,
  type Tenant,
  tenancyErrorOf,
} from '@tenantry/core'
import { type FetchRequestOptions, fetchRequestView } from './fetch-request-view.ts'
import { problemResponse } from './problem-response.ts'
import { tenantBody } from './tenant-body.ts'

/** Options of {@link serveRequest}. */
export interface ServeOptions extends FetchRequestOptions {
  /** Node's request and response, where the server has them beneath: their events then come in the tenant's context. */
  readonly messages?: readonly NodeEmitter[]
  /**
   * Answers errors that are not Tenantry's, in the tenant's context. What it throws is thrown. Default: they are thrown.
   */
  readonly onError?: (error: unknown) => Awaitable<Response>
  /** Told of errors with a status of 500 and up, which the answer says little about. Default: JSON on standard error. */
  readonly logger?: Logger
}

/**
 * Answers a request in the context of its tenant. What is refused is answered with problem details (RFC 9457) before `fn` is called,
 * and so are errors of Tenantry that it throws. A body that streams is made in the same context, and ends when the tenant's work must.
 *
 * @throws what the registry throws, and what `fn` throws that is not Tenantry's and has no `onError`.
 * @example
 * Bun.serve({ fetch: request => serveRequest(tenancy, request, tenant => new Response(`Hello ${tenant.name}`)) })
 */
export async function serveRequest(
  tenancy: Tenancy,
  request: Request,
  fn: (tenant: Tenant) => Awaitable<Response>,
  options: ServeOptions = {},
): Promise<Response> {
  const { messages = [], onError, logger = consoleLogger } = options

  function failed(thrown: unknown): Awaitable<Response> {
    const error = tenancyErrorOf(thrown)
    if (error === undefined) {
      if (onError === undefined) throw thrown
      return onError(thrown)
    }
    logFailure(error, logger)
    return problemResponse(error)
  }

  try {
    return await tenancy.serve(fetchRequestView(request, options), async tenant => {
      const run = tenancy.bind(here) as typeof here
      for (const message of messages) bindMessage(message, run)
      // `onError` is in the context too.
      const response = await inTurn(() => fn(tenant)).catch(failed)
      return tenantBody(tenancy, response)
    })
  } catch (error) {
    if (isTenancyError(error)) return problemResponse(error)
    throw error
  }
}

/** What is thrown at once is thrown by a promise. */
async function inTurn<T>(fn: () => Awaitable<T>): Promise<T> {
  return fn()
}

function logFailure({ code, stack, status, message }: TenancyError, logger: Logger): void {
  if (status >= 500) logger.error({ event: 'request.failed', code, stack }, message)
}

function here<T>(fn: () => T): T {
  return fn()
}
