import { TenancyError } from '@tenantry/core'
import { noSessionUse } from '../statements/session-trace.ts'
import type { Standing, Statement, TenantScope } from '../statements/statement.ts'
import type { Place } from './place.ts'
import { ScopedQuery, send } from './scoped-query.ts'
import { checkTrace } from './session-state.ts'

/** A statement of our own. */
export function plainStatement(kind: Statement['kind'], text: string): Statement {
  const nothing = undefined
  return {
    kind,
    uses: noSessionUse,
    text,
    values: nothing,
    name: nothing,
    rowMode: nothing,
    types: nothing,
    binary: nothing,
    queryTimeout: nothing,
  }
}

const begin = plainStatement('begin', 'begin')
const rollback = plainStatement('rollback', 'rollback')

/**
 * Runs one statement at a place: in one write, or, when its seal needs a transaction and none is open, in a transaction of its
 * own, of which the statement and COMMIT are one write. So do CALL and DO: where no transaction block is open, COMMIT in a procedure
 * would end what holds the tenant, and the rest go on without; in one it is refused (2D000). Its result is to be asked for in the caller's context.
 *
 * @throws {TenancyError} `STATEMENT_REFUSED`
 */
export function runStatement(
  place: Pick<Place, 'client' | 'session'>,
  statement: Statement,
  scope: TenantScope,
  standing: Exclude<Standing, 'last'>,
): Promise<ScopedQuery> {
  const { client, session } = place
  checkTrace(statement.uses.leaves, scope.sessionState)
  // The next transaction would have another time, for which there is no proof.
  if (scope.seal !== undefined && /^(?:commit|rollback)$/.test(statement.kind) && /\bchain\b/i.test(statement.text)) {
    throw new TenancyError('STATEMENT_REFUSED', {
      statement: 'AND CHAIN',
      reason: 'the seal holds for one transaction',
      advice: 'End the transaction, then BEGIN another.',
    })
  }
  // Not an async function: of the promises that a statement takes, each costs.
  const needsTransaction = scope.seal?.per === 'transaction' || statement.uses.mayEnd
  if (!needsTransaction || statement.kind !== 'ordinary' || session.status !== 'I') {
    return send(client, session, new ScopedQuery(statement, scope, session, standing))
  }
  return runInTransaction(place, statement, scope)
}

async function runInTransaction(
  { client, session }: Pick<Place, 'client' | 'session'>,
  statement: Statement,
  scope: TenantScope,
): Promise<ScopedQuery> {
  await send(client, session, new ScopedQuery(begin, scope, session, 'alone'))
  try {
    return await send(client, session, new ScopedQuery(statement, scope, session, 'last'))
  } catch (error) {
    // Otherwise the connection is given up at the end, and the server rolls back.
    if (session.tainted === undefined && session.inFlight.length === 0) {
      await send(client, session, new ScopedQuery(rollback, scope, session))
    }
    throw error
  }
}
