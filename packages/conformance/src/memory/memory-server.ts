import { setTimeout as slept, setImmediate as yielded } from 'node:timers/promises'
import type { Row } from '../subject.ts'
import { execute } from './execute.ts'
import { type Policy, safePolicy } from './policy.ts'
import { type Kept, type Result, type RowStatement, type Statement, type StoreError, storeError } from './statement.ts'

/** A connection to the memory server: a session with settings and at most one transaction. */
export interface Connection {
  /**
   * Sends statements at once; outside a transaction they are one, as in one round trip of Postgres. Gives the last result.
   *
   * @throws {StoreError}
   */
  send(...statements: readonly Statement[]): Promise<Result>
  /** Cancels the statement that is being executed, from outside. */
  cancel(): void
  /** Ends the session from outside, as an administrator does. */
  kill(): void
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
  /** Refuses a tenant's statements, or no longer. */
  fence(tenant: string, isUp: boolean): void
  /** Ends the sessions with a transaction of this tenant, and says how many there were. */
  expel(tenant: string): number
  /** How many sessions are in a transaction of this tenant. */
  inside(tenant: string): number
  /** What stands in the open sessions. */
  residue(): readonly string[]
}

interface Transaction {
  tenant: string | undefined
  aborted: boolean
  savepoint: number
  readonly work: { readonly statement: RowStatement; readonly tenant: string | undefined }[]
}

interface Session {
  tenant: string | undefined
  transaction: Transaction | undefined
  tail: Promise<unknown>
  readonly kept: Kept[]
  killed: boolean
  cancel: ((error: StoreError) => void) | undefined
}

const nothing: Result = { rows: [], count: 0 }

/** A new, empty server. A policy replaces single rules of {@link safePolicy}; canaries are made that way. */
export function memoryServer(broken: Partial<Policy> = {}): MemoryServer {
  const policy: Policy = { ...safePolicy, ...broken }
  const sessions = new Set<Session>()
  let committed: readonly Row[] = []
  let executed = 0
  const fenced = new Set<string>()

  function inside(tenant: string): readonly Session[] {
    return [...sessions].filter(({ transaction }) => transaction?.tenant === tenant)
  }

  // A transaction sees what is committed, and its own work on top of that.
  function view({ work }: Transaction): readonly Row[] {
    return work.reduce((rows, { statement, tenant }) => execute(statement, rows, tenant, policy).rows, committed)
  }

  function begin(session: Session): Transaction {
    session.transaction ??= { tenant: undefined, aborted: false, savepoint: 0, work: [] }
    return session.transaction
  }

  function end(session: Session): Result {
    const ended = session.transaction
    session.transaction = undefined
    if (ended?.aborted === false) committed = view(ended)
    return nothing
  }

  async function sleep(session: Session, ms: number, limit = ms): Promise<Result> {
    const cancelled = new Promise<never>((_, reject) => {
      session.cancel = reject
    })
    await Promise.race([slept(Math.min(ms, limit)), cancelled])
    if (limit < ms) throw storeError('25P04', 'the statement took too long')
    return nothing
  }

  async function step(session: Session, statement: Statement): Promise<Result> {
    await yielded()
    if (session.killed) throw storeError('57P05', 'the connection was killed')
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
    if (statement.do === 'savepoint' || statement.do === 'undo') {
      if (statement.do === 'savepoint') transaction.savepoint = transaction.work.length
      else transaction.work.splice(transaction.savepoint)
      return nothing
    }
    if (statement.do === 'keep') {
      session.kept.push(statement.what)
      return nothing
    }
    if (statement.do === 'sleep') return sleep(session, statement.ms, statement.limit)
    if (statement.do === 'cut') {
      sessions.delete(session)
      throw storeError('57P01', 'the connection was cut by the server')
    }
    if (fenced.has(transaction.tenant ?? '')) throw storeError('SUSPENDED', 'the tenant is suspended')
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
      const session: Session = {
        ...{ tenant: undefined, transaction: undefined, tail: Promise.resolve() },
        ...{ kept: [], killed: false, cancel: undefined },
      }
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
        cancel: () => session.cancel?.(storeError('57014', 'the statement was cancelled')),
        kill() {
          session.killed = true
          sessions.delete(session)
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
    fence(tenant, isUp) {
      if (isUp) fenced.add(tenant)
      else fenced.delete(tenant)
    },
    expel(tenant) {
      const expelled = inside(tenant)
      for (const session of expelled) {
        session.killed = true
        if (session.transaction !== undefined) session.transaction.aborted = true
        sessions.delete(session)
      }
      return expelled.length
    },
    inside: tenant => inside(tenant).length,
    residue: () =>
      [...sessions].flatMap(({ tenant, transaction, kept }) => [
        ...kept,
        ...(tenant === undefined ? [] : [`setting of tenant ${tenant}`]),
        ...(transaction === undefined ? [] : [`open transaction of tenant ${transaction.tenant ?? 'none'}`]),
      ]),
  }
}
