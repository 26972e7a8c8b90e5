import { onAbort, problemOf, type Tenancy, tenancyErrorOf } from '@tenantry/core'

/**
 * The response with a body that is read in the present context, whoever asks for the next piece, and whenever: servers send bodies when
 * the handler has long returned. Fails when the tenant's work must end, so that the connection is closed.
 *
 * @throws {TenancyError} as {@link Tenancy.current}
 */
export function tenantBody(tenancy: Pick<Tenancy, 'bind' | 'current' | 'signal'>, response: Response): Response {
  const { body } = response
  if (body === null) return response
  const reader = body.getReader()
  let stop: (() => void) | undefined

  function giveUp(reason: unknown): Promise<void> {
    stop?.()
    return reader.cancel(reason)
  }

  /** Who reads is told of the reason; that the source has failed, or does so at its end, changes nothing. */
  function ended(reason: unknown): unknown {
    giveUp(reason).catch(() => undefined)
    const error = tenancyErrorOf(reason)
    // Some servers send the message of what a body fails with, and ours may name a tenant.
    return error === undefined ? reason : new Error(problemOf(error).body.title, { cause: reason })
  }

  try {
    tenancy.current()
  } catch (error) {
    // Another answer stands in for this one, which nobody will read.
    ended(error)
    throw error
  }
  const guarded = new ReadableStream<Uint8Array>(
    {
      pull: tenancy.bind(async controller => {
        try {
          tenancy.current()
          // Not before: a body that is never read, as in an answer to HEAD, is never ended either.
          stop ??= onAbort(tenancy.signal(), reason => controller.error(ended(reason)))
          const { done, value } = await reader.read()
          if (!done) return controller.enqueue(value)
        } catch (error) {
          throw ended(error)
        }
        stop?.()
        controller.close()
      }),
      cancel: tenancy.bind(giveUp),
    },
    // Nothing is made before somebody asks for it.
    { highWaterMark: 0 },
  )
  const { status, statusText, headers } = response
  return new Response(guarded, { status, statusText, headers })
}
