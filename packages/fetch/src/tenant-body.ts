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
  // Before the body is taken, so that it is whoever answers in place of it that ends it.
  const signal = tenancy.signal()
  const reader = body.getReader()
  let stop = (): void => undefined

  function giveUp(reason: unknown): Promise<void> {
    stop()
    return reader.cancel(reason)
  }

  /** Who reads is told of the reason; that the source has failed, or does so at its end, changes nothing. */
  function ended(reason: unknown): unknown {
    giveUp(reason).catch(() => undefined)
    const error = tenancyErrorOf(reason)
    // Some servers send the message of what a body fails with, and ours may name a tenant.
    return error === undefined ? reason : new Error(problemOf(error).body.title, { cause: reason })
  }

  const guarded = new ReadableStream<Uint8Array>(
    {
      start(controller) {
        stop = onAbort(signal, reason => controller.error(ended(reason)))
      },
      pull: tenancy.bind(async controller => {
        try {
          tenancy.current()
          const { done, value } = await reader.read()
          if (!done) return controller.enqueue(value)
        } catch (error) {
          throw ended(error)
        }
        stop()
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
