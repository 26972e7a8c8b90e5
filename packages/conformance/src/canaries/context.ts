import { AsyncResource } from 'node:async_hooks'
import type { Tenant } from '@tenantry/core'
import { safeParts } from '../memory/memory-parts.ts'
import { inTimer } from './broken.ts'
import { brokenTenancy, type Canary, canary } from './canary.ts'

/** Adapters and tenancies that lose the context. */
export const contextCanaries: readonly Canary[] = [
  canary('work that goes on later keeps its tenant', 'In a timer, the tenant that was seen last is taken.', () => {
    let last: Tenant | undefined
    return {
      ask(source) {
        last = inTimer() ? (last ?? source()) : source()
        return last
      },
    }
  }),
  brokenTenancy('a bound callback acts for the tenant that bound it', 'A callback is bound to nothing.', () => ({
    bind: fn => fn,
  })),
  brokenTenancy('an envelope is resumed as its tenant', 'A job is resumed as the tenant that ran last.', ({ run }) => {
    let last: Tenant | undefined
    return {
      run(tenant, fn) {
        last = tenant
        return run(tenant, fn)
      },
      resume: async <T>(_: unknown, fn: () => T): Promise<Awaited<T>> => await run(last as Tenant, fn),
    }
  }),
  canary(
    'what another tenant calls acts for the caller',
    'The tenant is asked once, until the event loop turns.',
    () => {
      let known: Tenant | undefined
      return {
        ask(source) {
          const asked = source()
          if (known === undefined) {
            known = asked
            queueMicrotask(() => {
              known = undefined
            })
          }
          return known
        },
      }
    },
    [
      ...['interleaved units of work never meet', 'interleaved single statements never meet'],
      ...['work that goes on later keeps its tenant', 'a bound callback acts for the tenant that bound it'],
      'a callback is called in the context of who handed it in',
    ],
  ),
  canary(
    'a unit of work refuses another tenant, however it is called',
    'In a timer, a connection does not ask whose context it is used in.',
    () => ({
      recheck(source, leased) {
        if (!inTimer()) safeParts.recheck(source, leased)
      },
    }),
  ),
  canary(
    'a callback is called in the context of who handed it in',
    'Callbacks are called in the context that opened the connection.',
    () => {
      let opener: AsyncResource | undefined
      return {
        callBack(done) {
          opener ??= new AsyncResource('connection')
          const { runInAsyncScope } = opener
          return runInAsyncScope.bind(opener, done, undefined) as typeof done
        },
      }
    },
  ),
]
