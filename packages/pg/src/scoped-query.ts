import type pg from 'pg'
import { isServerError } from './database-error.ts'
import { prepareValue, type WireConnection, WireQueryBase, type WireQueryConfig } from './pg-internals.ts'
import type { ScopeSql } from './scope.ts'
import { type InFlight, type Session, sessionOfWire } from './session.ts'
import type { StatementKind } from './statement-kind.ts'
import { type PreparedStatement, unnamed } from './statement-names.ts'

/** A statement as the caller gave it, checked. */
export interface Statement extends WireQueryConfig {
  readonly kind: Exclude<StatementKind['kind'], 'refused'>
  /** Milliseconds after which the client gives up; of `pg`. */
  readonly queryTimeout?: number | undefined
}

/** The scope of one tenant, as it goes over the wire. */
export interface TenantScope {
  readonly sql: ScopeSql
  readonly values: readonly string[]
  /** Whether statements may be prepared under a name; a pooler may not know those. */
  readonly named: boolean
}

/** Whose messages the server is answering. `suffix` is the scope that follows a BEGIN. */
type Phase = 'prefix' | 'caller' | 'suffix'

// Messages that are always the same.
const portal = { type: 'P', name: '' } as const
const everything = {}
const none: readonly unknown[] = []

/**
 * One statement with the tenant in front of it, in one write and up to one Sync, which makes the two one transaction: if the
 * tenant cannot be set, the server skips the statement (protocol flow, section "Extended Query").
 *
 * `pg` calls the handlers with everything that the server answers; what belongs to the scope is kept from the caller.
 */
export class ScopedQuery extends WireQueryBase implements InFlight {
  /** Read by `pg.Client.query`. */
  readonly query_timeout: number | undefined
  readonly #statement: Statement
  readonly #scope: TenantScope
  #session: Session | undefined
  #phase: Phase = 'caller'
  #error: Error | undefined
  /** The caller's statement, once it is written. */
  #caller: PreparedStatement | undefined
  /** Its columns, as the server describes them. */
  #columns: unknown
  /** Statements whose Parse was written and not yet answered. */
  #parsing: PreparedStatement[] = []
  /** Whether the scope's own statement was executed in front. */
  #prefix: PreparedStatement | undefined

  constructor(statement: Statement, scope: TenantScope) {
    super({ ...statement, name: undefined })
    this.query_timeout = statement.queryTimeout
    this.#statement = statement
    this.#scope = scope
  }

  /** Writes the messages; called by `pg` when it is this statement's turn. A returned error means that nothing was written. */
  submit(wire: WireConnection): Error | null {
    const session = sessionOfWire(wire)
    const { kind, text, name, values, binary } = this.#statement
    // Values first: making a parameter of one may throw, and then nothing may have been written.
    let parameters: readonly unknown[]
    try {
      parameters = values === undefined ? none : values.map(value => prepareValue(value))
    } catch (error) {
      return error instanceof Error ? error : new Error('A query value could not be prepared.', { cause: error })
    }
    const caller = this.#prepared(session, name === undefined ? undefined : `query ${name}`, text)
    if (caller.text !== text) {
      return new Error(`Prepared statements must be unique - '${name}' was used for a different statement`)
    }
    this.#session = session
    this.#caller = caller
    session.inFlight.push(this)
    wire.stream.cork()
    try {
      for (const dead of session.names.takeDead()) wire.close({ type: 'S', name: dead })
      if (this.#needsScope(session)) {
        this.#phase = 'prefix'
        this.#prefix = this.#prepared(session, 'scope', this.#scope.sql.prefix)
        this.#parse(wire, this.#prefix)
        wire.bind({ statement: this.#prefix.wire, values: this.#scope.values })
        wire.execute(everything)
      }
      this.#parse(wire, caller)
      wire.bind({ statement: caller.wire, values: parameters, binary })
      // The server refuses a prepared statement whose columns have changed, so they need not be described twice.
      if (caller.described && binary !== true) {
        if (caller.columns !== undefined) super.handleRowDescription(caller.columns)
      } else {
        wire.describe(portal)
      }
      wire.execute(everything)
      if (kind === 'begin' && session.status === 'I') this.#writeUtilities(wire)
      wire.sync()
    } catch (error) {
      // Half of it may be written: the connection is nobody's any more.
      session.tainted = 'a statement could not be written'
      throw error
    } finally {
      wire.stream.uncork()
    }
    return null
  }

  /** In an aborted transaction a prefix would fail and take ROLLBACK with it; what touches no data needs none. */
  #needsScope(session: Session): boolean {
    const { kind } = this.#statement
    if (session.status === 'E') return false
    return kind === 'ordinary' || (kind === 'commit' && session.status === 'T')
  }

  #prepared(session: Session, key: string | undefined, text: string): PreparedStatement {
    return key === undefined || !this.#scope.named ? unnamed(text) : session.names.take(key, text)
  }

  #parse(wire: WireConnection, statement: PreparedStatement): void {
    if (statement.sent) return
    statement.sent = true
    this.#parsing.push(statement)
    wire.parse({ name: statement.wire, text: statement.text })
  }

  #writeUtilities(wire: WireConnection): void {
    for (const text of this.#scope.sql.utilities(this.#scope.values)) {
      const statement = unnamed(text)
      this.#parse(wire, statement)
      wire.bind({ statement: '', values: none })
      wire.execute(everything)
    }
  }

  parsed(): void {
    this.#parsing.shift()
  }

  finished(): void {
    const { names } = this.#session as Session
    // A name whose Parse was not answered may or may not be known to the server: it is never used again.
    for (const statement of this.#parsing) names.forget(statement)
    if (this.#error === undefined) {
      if (this.#caller !== undefined) {
        this.#caller.columns = this.#columns ?? this.#caller.columns
        this.#caller.described = true
      }
      return
    }
    // invalid_sql_statement_name; feature_not_supported is how "cached plan must not change result type" is reported.
    if (isServerError(this.#error) && /^(?:26000|0A000)$/.test(this.#error.code ?? '')) {
      for (const statement of [this.#prefix, this.#caller]) if (statement !== undefined) names.forget(statement)
    }
    // A statement that the server refused is settled only now, when the connection is known to be free again.
    this.callback(this.#error)
  }

  lost(error: Error): void {
    this.callback(this.#error ?? error)
  }

  override handleRowDescription(message: unknown): void {
    this.#columns = message
    super.handleRowDescription(message)
  }

  override handleCommandComplete(message: unknown, wire: WireConnection): void {
    if (this.#phase === 'prefix') {
      this.#phase = 'caller'
    } else if (this.#phase === 'caller') {
      super.handleCommandComplete(message, wire)
      this.#phase = 'suffix'
    }
  }

  override handleError(error: Error, wire: WireConnection): void {
    if (isServerError(error) && this.#session?.inFlight.includes(this) === true) this.#error ??= error
    else super.handleError(error, wire)
  }

  override handleCopyInResponse(wire: WireConnection): void {
    // The server reads over a Sync in copy mode, so that another one must follow or it would wait for ever.
    wire.sendCopyFail('COPY needs a stream')
    wire.sync()
  }
}

/** Sends a statement and waits until the server is done with it. */
export function send(client: pg.ClientBase, query: ScopedQuery): Promise<pg.QueryResult> {
  return new Promise((resolve, reject) => {
    query.callback = (error, result) => {
      if (error != null) reject(error)
      else resolve(result as pg.QueryResult)
    }
    client.query(query as unknown as pg.Submittable)
  })
}
