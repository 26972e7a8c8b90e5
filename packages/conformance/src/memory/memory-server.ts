import { setTimeout as slept, setImmediate as yielded } from 'node:timers/promises'
import type { Row } from '../subject.ts'
import { execute, type RowStatement } from './execute.ts'
import { type Policy, safePolicy } from './policy.ts'
import { type Result, type Statement, storeError } from './statement.ts'

/** A connection to the memory server: a session with settings and at most one transaction. */
export interface Connection {
  /**
   * Sends statements at once; outside a transaction they are one, as in one round trip of Postgres. Gives the last result.
   *
   * @throws {StoreError}
   */
  send(...statements: readonly Statement[]): Promise<Result>
  /** Ends the session; an open transaction is rolled back. */
  close(): void
}

/** A tiny database server: connections with sessions and transactions, and rows under a policy. */
export interface MemoryServer {
  connect(): Connection
  /** How many statements were executed in all sessions. */
  statements(): number
  /** All committed rows, as an administrator. */
  everything(): readonly Row[]
  /** Erases rows, as an administrator, and says how many. */
  erase(which: (row: Row) => boolean): number
  /** What stands in the open sessions. */
  residue(): readonly string[]
}

interface Transaction {
  tenant: string | undefined
  aborted: boolean
  readonly work: { readonly statement: RowStatement; readonly tenant: string | undefined }[]
}

interface Session {
  tenant: string | undefined
  transaction: Transaction | undefined
  tail: Promise<unknown>
}

const nothing: Result = { rows: [], count: 0 }

/** A new, empty server. A policy replaces single rules of {@link safePolicy}; canaries are made that way. */
export function memoryServer(broken: Partial<Policy> = {}): MemoryServer {
  const policy: Policy = { ...safePolicy, ...broken }
  const sessions = new Set<Session>()
  let committed: readonly Row[] = []
  let executed = 0

  // A transaction sees what is committed, and its own work on top of that.
  function view({ work }: Transaction): readonly Row[] {
    return work.reduce((rows, { statement, tenant }) => execute(statement, rows, tenant, policy).rows, committed)
  }

  function begin(session: Session): Transaction {
    session.transaction ??= { tenant: undefined, aborted: false, work: [] }
    return session.transaction
  }

  function end(session: Session): Result {
    const ended = session.transaction
    session.transaction = undefined
    if (ended?.aborted === false) committed = view(ended)
    return nothing
  }

  async function step(session: Session, statement: Statement): Promise<Result> {
    await yielded()
    if (!sessions.has(session)) throw storeError('57P01', 'the connection was lost')
    executed += 1
    const transaction = begin(session)
    if (statement.do === 'rollback') transaction.aborted = true
    if (statement.do === 'commit' || statement.do === 'rollback') return end(session)
    if (transaction.aborted) throw storeError('25P02', 'the transaction is aborted')
    if (statement.do === 'begin') return nothing
    if (statement.do === 'set') {
      ;(statement.until === 'session' ? session : transaction).tenant = statement.tenant
      return nothing
    }
    if (statement.do === 'sleep') {
      await slept(statement.ms)
      return nothing
    }
    if (statement.do === 'cut') {
      sessions.delete(session)
      throw storeError('57P01', 'the connection was cut by the server')
    }
    const tenant = policy.tenantOf(transaction.tenant ?? session.tenant, statement.do, session)
    const { result } = execute(statement, view(transaction), tenant, policy)
    transaction.work.push({ statement, tenant })
    return result
  }

  async function batch(session: Session, statements: readonly Statement[]): Promise<Result> {
    const implicit = session.transaction === undefined && statements[0]?.do !== 'begin'
    let result = nothing
    try {
      for (const statement of statements) result = await step(session, statement)
    } catch (error) {
      if (session.transaction !== undefined) session.transaction.aborted = true
      throw error
    } finally {
      if (implicit) end(session)
    }
    return result
  }

  return {
    connect() {
      const session: Session = { tenant: undefined, transaction: undefined, tail: Promise.resolve() }
      sessions.add(session)
      return {
        send(...statements) {
          const answer = session.tail.then(() => batch(session, statements))
          session.tail = answer.then(
            () => undefined,
            () => undefined,
          )
          return answer
        },
        close: () => void sessions.delete(session),
      }
    },
    statements: () => executed,
    everything: () => committed,
    erase(which) {
      const before = committed.length
      committed = committed.filter(row => !which(row))
      return before - committed.length
    },
    residue: () =>
      [...sessions].flatMap(({ tenant, transaction }) => [
        ...(tenant === undefined ? [] : [`setting of tenant ${tenant}`]),
        ...(transaction === undefined ? [] : [`open transaction of tenant ${transaction.tenant ?? 'none'}`]),
      ]),
  }
}
