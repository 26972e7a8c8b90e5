import { setImmediate as turned } from 'node:timers/promises'
import type { TenantSource } from '@tenantry/core'
import type { MemoryHandle, MemoryQuery } from '../memory/memory-isolation.ts'
import type { Connection } from '../memory/memory-server.ts'
import { memorySubject } from '../memory/memory-subject.ts'
import type { Subject } from '../subject.ts'

/** Inserts of a unit of work wait for something before they are sent, and have no tenant of their own. */
function late(query: MemoryQuery, connection: Connection): MemoryQuery {
  return async (statement, patience) => {
    if (statement.do !== 'insert') return query(statement, patience)
    // Sets the tenant, and asks whether the unit of work is still open: too early.
    await query({ do: 'count' })
    for (let turn = 0; turn < 4; turn += 1) await turned()
    return connection.send(statement)
  }
}

/** The memory isolation with such units of work. */
export async function lateSubject(): Promise<Subject<unknown>> {
  const subject = await memorySubject()
  const { isolation } = subject

  function handle(source: TenantSource): MemoryHandle {
    const whole = isolation.handle(source)
    return {
      ...whole,
      transaction: work => whole.transaction((query, connection) => work(late(query, connection), connection)),
    }
  }

  return { ...subject, isolation: { ...isolation, handle } }
}
