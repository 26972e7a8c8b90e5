import { AsyncResource } from 'node:async_hooks'
import { TenancyError, type Tenant } from '@tenantry/core'
import { type Held, type Scope, sameTenant } from './scope.ts'

/** What stays open over several operations of one tenant, as cursors do: opened at the first, let go at its end. */
export interface KeptOpen<Real> {
  /** Asks for the tenant, opens what is not open, and works with it. */
  use<T>(work: (real: Real) => Promise<T>): Promise<T>
  /** What is open, if anything is; asks for the tenant. */
  peek(): Real | undefined
  /** Closes it; the next use opens it anew. */
  rewind(): Promise<void>
  /** Closes it for good. Idempotent. */
  close(): Promise<void>
  readonly isClosed: boolean
}

/** How to work with a driver's object. */
export interface KeptOpenOptions<Real> {
  readonly what: string
  readonly scope: Scope
  /** Whose it is. */
  readonly tenant: Tenant
  readonly open: (held: Held) => Real
  readonly shut: (real: Real) => Promise<void>
  /** Whether the server is not needed any more. */
  readonly isDone: (real: Real) => boolean
  /** Milliseconds without an operation after which it is let go; servers close cursors then, too. `Infinity` for never. */
  readonly idle: number
}

/** Keeps a driver's object open for one tenant. No I/O until it is used. */
export function keptOpen<Real>({
  what,
  scope,
  tenant,
  open,
  shut,
  isDone,
  idle,
}: KeptOpenOptions<Real>): KeptOpen<Real> {
  let opening: Promise<{ readonly held: Held; readonly real: Real }> | undefined
  let there: { readonly held: Held; readonly real: Real } | undefined
  let isClosed = false
  let timer: NodeJS.Timeout | undefined

  async function openOnce() {
    const held = await scope.hold(tenant, () => void end())
    try {
      there = { held, real: open(held) }
      return there
    } catch (error) {
      held.release()
      throw error
    }
  }

  async function end(): Promise<void> {
    isClosed = true
    await close()
  }

  async function close(): Promise<void> {
    const opened = opening
    opening = undefined
    there = undefined
    clearTimeout(timer)
    // Who asked for it has the error.
    const was = await opened?.catch(() => undefined)
    if (was === undefined) return
    try {
      await shut(was.real)
    } finally {
      was.held.release()
    }
  }

  function rest(real: Real): void {
    clearTimeout(timer)
    if (isDone(real)) {
      there?.held.release()
      return
    }
    if (idle === Number.POSITIVE_INFINITY) return
    timer = setTimeout(() => void end(), idle)
    timer.unref()
  }

  return {
    async use(work) {
      sameTenant(scope, tenant)
      if (isClosed) throw new TenancyError('SCOPE_CLOSED', { what })
      clearTimeout(timer)
      opening ??= openOnce().catch((error: unknown) => {
        opening = undefined
        throw error
      })
      const { real } = await opening
      try {
        return await work(real)
      } catch (error) {
        throw scope.translate(error, tenant)
      } finally {
        rest(real)
      }
    },
    peek() {
      sameTenant(scope, tenant)
      return there?.real
    },
    rewind: close,
    close: end,
    get isClosed() {
      return isClosed
    },
  }
}

/** Runs what a stream or an emitter calls in the context of whoever made it, not of whoever feeds it. */
export function inThisContext<A extends unknown[], R>(fn: (...args: A) => R): (...args: A) => R {
  return AsyncResource.bind(fn)
}
