import type { Tenant } from '@tenantry/core'
import type { ChangeStream } from 'mongodb'
import { facade } from './facade.ts'
import { keptOpen } from './kept-open.ts'
import { type Held, type Scope, sameTenant } from './scope.ts'

const iterator = 'Read it with "for await": its reader is asked for the tenant each time.'
const advice = { on: iterator, once: iterator, addListener: iterator, stream: iterator }

/** The changes of one collection of one tenant, for that tenant only. No I/O until it is read. */
export function tenantChangeStream<T>(scope: Scope, tenant: Tenant, open: (held: Held) => ChangeStream): T {
  const kept = keptOpen<ChangeStream>({
    what: 'A change stream',
    scope,
    tenant,
    open,
    shut: real => real.close(),
    isDone: real => real.closed,
    idle: Number.POSITIVE_INFINITY,
  })

  async function* iterate(): AsyncGenerator<unknown, void, void> {
    sameTenant(scope, tenant)
    try {
      while (!kept.isClosed) yield await kept.use(real => real.next())
    } finally {
      await kept.close()
    }
  }

  const members = {
    next: () => kept.use(real => real.next()),
    tryNext: () => kept.use(real => real.tryNext()),
    hasNext: () => kept.use(real => real.hasNext()),
    close: () => kept.close(),
    [Symbol.asyncIterator]: iterate,
    [Symbol.asyncDispose ?? Symbol.for('Symbol.asyncDispose')]: () => kept.close(),
    get closed() {
      sameTenant(scope, tenant)
      return kept.isClosed
    },
    get resumeToken() {
      return kept.peek()?.resumeToken
    },
  }
  return facade<T & object>('ChangeStream', members, advice)
}
