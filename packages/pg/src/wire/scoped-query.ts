import { TenancyError } from '@tenantry/core'
import type pg from 'pg'
import { serialize } from 'pg-protocol'
import { isServerError } from '../database-error.ts'
import type { Standing, Statement, TenantScope } from '../statements/statement.ts'
import { isPlainQuery } from '../statements/statement-kind.ts'
import { bindScope } from './bind-scope.ts'
import { prepareValue, type WireColumns, type WireConnection, WireQueryBase, type WireRow } from './pg-internals.ts'
import { giveUp, type InFlight, type Session } from './session.ts'
import { type PreparedStatement, unnamed } from './statement-names.ts'

// Messages that are always the same.
const describe = serialize.describe({ type: 'P' })
const execute = serialize.execute()
const sync = serialize.sync()

const discardSequences = 'discard sequences'

/**
 * One statement with the tenant in front of it, in one write and up to one Sync, which makes the two one transaction: if the
 * tenant cannot be set, the server skips the statement (protocol flow, section "Extended Query").
 *
 * `pg` calls the handlers with everything that the server answers; what belongs to the scope is kept from the caller. It calls
 * them, and `submit`, in the context of whoever opened the connection or used it last. So none of the caller's own code is run
 * there: values are prepared when the statement is made, rows are parsed when the result is asked for.
 */
export class ScopedQuery extends WireQueryBase implements InFlight {
  /** Read by `pg.Client.query`. */
  readonly query_timeout: number | undefined
  readonly #statement: Statement
  readonly #scope: TenantScope
  readonly #session: Session
  readonly #place: Standing
  /** How many statements of ours the server has still to answer in front of the caller's. */
  #ahead = 0
  #callerDone = false
  #discards = false
  #error: Error | undefined
  /** The caller's statement, and the scope's in front of it, once they are written. */
  #caller: PreparedStatement | undefined
  #prefix: PreparedStatement | undefined
  /** What the server answered to the seal's question. */
  #answer: string | undefined
  /** The caller's parameters, or what preparing them threw. */
  readonly #parameters: unknown[] | undefined
  readonly #refusal: Error | undefined
  /** The caller's columns, as the server described them, now or before, and the rows as they came. */
  #columns: readonly pg.FieldDef[] | undefined
  readonly #rows: WireRow['fields'][] = []
  #complete: unknown
  #binary = false
  /** Statements whose Parse was written and not yet answered. */
  readonly #parsing: PreparedStatement[] = []

  constructor(statement: Statement, scope: TenantScope, session: Session, place: Standing = 'lease') {
    const { text, rowMode, types } = statement
    super(rowMode === undefined && types === undefined ? text : { text, rowMode, types })
    this.query_timeout = statement.queryTimeout
    this.#statement = statement
    this.#scope = scope
    this.#session = session
    this.#place = place
    try {
      this.#parameters = statement.values?.map(value => prepareValue(value))
    } catch (error) {
      // Thrown by a value. The statement takes its turn all the same, to fail in the order of the calls.
      this.#refusal = asError(error)
    }
  }

  /** Writes the messages; called by `pg` when it is this statement's turn. A returned error means that nothing was written. */
  submit(wire: WireConnection): Error | null {
    const session = this.#session
    const { text, name } = this.#statement
    if (this.#refusal !== undefined) return this.#refusal
    const binary = this.#statement.binary ?? this.binary ?? false
    // While it waited for its turn the connection may have been given up, or a transaction opened by whoever kept the client.
    if (this.#place === 'alone' && session.status !== 'I')
      session.tainted ??= 'it was in a transaction of somebody else'
    if (session.tainted !== undefined) return new TenancyError('CONNECTION_LOST', { reason: session.tainted })
    const caller = this.#prepared(name === undefined ? undefined : `query ${this.#scope.prepares}${name}`, text)
    if (caller.text !== text) {
      return new Error(`Prepared statements must be unique - '${name}' was used for a different statement`)
    }
    // The server refuses a prepared statement whose columns have changed, so they need not be described twice.
    const described = caller.described && !binary
    if (described) this.#columns = caller.columns

    const settings = this.#values()
    if (settings === undefined) return new TenancyError('CONNECTION_LOST', { reason: 'the transaction has no seal' })
    const messages: Buffer[] = session.names.takeDead().map(dead => serialize.close({ type: 'S', name: dead }))
    this.#discards = this.#needsDiscard()
    if (this.#discards && this.#statement.kind === 'ordinary') {
      this.#ahead += 1
      this.#own(messages, discardSequences)
    }
    if (this.#needsScope()) {
      this.#ahead += 1
      const { key, prefix } = this.#scope.sql
      this.#prefix = this.#prepared(key, prefix)
      this.#parse(messages, this.#prefix)
      messages.push(bindScope(this.#prefix.wire, settings), execute)
    }
    this.#parse(messages, caller)
    messages.push(serialize.bind({ statement: caller.wire, values: this.#parameters ?? [], binary }))
    if (!described) messages.push(describe)
    messages.push(execute)
    for (const suffix of this.#suffixes(settings)) this.#own(messages, suffix)
    messages.push(sync)

    this.#caller = caller
    this.#binary = binary
    session.inFlight.push(this)
    const { leaves } = this.#statement.uses
    if (leaves !== 'none') session.carries = true
    if (leaves === 'lasting') session.disposable = true
    wire.stream.write(Buffer.concat(messages))
    return null
  }

  /** In an aborted transaction a prefix would fail and take ROLLBACK with it; what touches no data needs none. */
  #needsScope(): boolean {
    const { kind } = this.#statement
    const { status } = this.#session
    if (status === 'E' || this.#scope.sql.prefix === '') return false
    return kind === 'ordinary' || (kind === 'commit' && status === 'T')
  }

  /**
   * What a sequence gave to others is forgotten at the start of a lease, so that within one it is as it always is; a single
   * statement pays for it only if it asks.
   */
  #needsDiscard(): boolean {
    const { othersSequences, status } = this.#session
    const { kind, uses } = this.#statement
    if (!othersSequences) return false
    if (this.#place === 'lease') return status === 'I' && (kind === 'ordinary' || kind === 'begin')
    return uses.readsSequence
  }

  #own(messages: Buffer[], text: string): void {
    this.#parse(messages, unnamed(text))
    messages.push(serialize.bind(), execute)
  }

  #prepared(key: string | undefined, text: string): PreparedStatement {
    if (key === undefined || !this.#scope.named) return unnamed(text)
    const known = this.#session.names.take(key, text)
    // The server may still refuse what somebody else wants to prepare under this name, on the same connection, in front.
    return known.sent && !known.parsed && known.text === text ? unnamed(text) : known
  }

  #parse(messages: Buffer[], statement: PreparedStatement): void {
    if (statement.sent) return
    statement.sent = true
    this.#parsing.push(statement)
    messages.push(serialize.parse({ name: statement.wire, text: statement.text }))
  }

  /** The values of the settings, with the proof at the end; `undefined` when there can be none. */
  #values(): readonly string[] | undefined {
    const { values, seal, tenant } = this.#scope
    const session = this.#session
    if (seal === undefined) return values
    if (session.status === 'I' && seal.per === 'connection' && session.answer !== undefined) {
      const proof = seal.prove(tenant, session.answer.text, performance.now() - session.answer.asked)
      // A transaction keeps the time of its BEGIN, and so the proof.
      if (this.#statement.kind === 'begin') session.proof = proof
      return [...values, proof]
    }
    if (session.proof !== undefined) return [...values, session.proof]
    return this.#needsScope() ? undefined : values
  }

  /** What follows the caller's statement in the same write. */
  #suffixes(values: readonly string[]): readonly string[] {
    const { sql, seal } = this.#scope
    if (this.#place === 'last') return ['commit']
    if (this.#statement.kind !== 'begin' || this.#session.status !== 'I') return []
    const first = this.#discards ? [discardSequences] : []
    // A proof is never written into a text, which other sessions of the role can read (pg_stat_activity).
    if (seal === undefined) return [...first, ...sql.utilities(values)]
    return seal.per === 'transaction' ? [...first, seal.question] : first
  }

  parsed(): void {
    const statement = this.#parsing.shift()
    if (statement !== undefined) statement.parsed = true
  }

  finished(): void {
    const { names } = this.#session
    // A name whose Parse was not answered may or may not be known to the server: it is never used again.
    for (const statement of this.#parsing) names.forget(statement)
    if (this.#error === undefined && !this.#callerDone) {
      this.#strayed()
      return
    }
    if (this.#error === undefined) {
      if (this.#discards) this.#session.othersSequences = false
      const { seal, tenant } = this.#scope
      if (this.#answer !== undefined && seal !== undefined && this.#session.status === 'T') {
        this.#session.proof = seal.prove(tenant, this.#answer, 0)
      }
      // The description says in which format the columns come, so that one of binary results is of no use to others.
      // The columns of FETCH are those of a cursor, which is another one next time, and nothing would tell.
      if (this.#caller !== undefined && !this.#binary && isPlainQuery(this.#caller.text)) {
        this.#caller.columns = this.#columns
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

  /** What the server answered. Calls the caller's types and parsers, and throws what they throw. */
  result(): pg.QueryResult {
    const result = this._result
    // A copy each: the caller owns its result, and the description is used again, for other tenants too.
    if (this.#columns !== undefined) result.addFields(this.#columns.map(column => ({ ...column })))
    for (const row of this.#rows) result.addRow(result.parseRow(row))
    if (this.#complete !== undefined) result.addCommandComplete(this.#complete)
    return result
  }

  /**
   * Answers come in the order of the statements. Should one not, somebody else has written to this connection, or the driver takes one
   * statement for another: no answer on it can be believed.
   */
  #isNext(): boolean {
    if (this.#session.inFlight[0] === this) return true
    this.#strayed()
    return false
  }

  #strayed(): void {
    const reason = 'an answer came out of turn'
    giveUp(this.#session, reason)
    this.callback(new TenancyError('CONNECTION_LOST', { reason }))
  }

  override handleRowDescription(message: WireColumns): void {
    if (!this.#isNext()) return
    if (!this.#callerDone) this.#columns = message.fields
  }

  override handleDataRow(message: WireRow): void {
    if (!this.#isNext()) return
    if (this.#callerDone) this.#answer = message.fields[0]?.toString()
    else if (this.#ahead === 0) this.#rows.push(message.fields)
  }

  override handleCommandComplete(message: unknown): void {
    if (!this.#isNext()) return
    if (this.#ahead > 0) {
      this.#ahead -= 1
    } else if (!this.#callerDone) {
      this.#complete = message
      this.#callerDone = true
    }
  }

  override handleEmptyQuery(wire: WireConnection): void {
    if (!this.#isNext()) return
    // Stands for the CommandComplete of a statement without a word in it.
    if (this.#ahead === 0) this.#callerDone = true
    super.handleEmptyQuery(wire)
  }

  override handleReadyForQuery(): void {
    this.callback(null)
  }

  override handleError(error: Error, wire: WireConnection): void {
    if (!isServerError(error) || !this.#session.inFlight.includes(this)) super.handleError(error, wire)
    else if (this.#isNext()) this.#error ??= this.#told(error)
  }

  /** What the caller is told: where the server has refused the scope, the scope knows why. */
  #told(error: pg.DatabaseError): Error {
    const ofScope = this.#ahead > 0 || (this.#callerDone && this.#statement.kind === 'begin')
    // A server process can miss a membership that was granted while it read its others, and never know. Another one will.
    if (ofScope && error.code === '42501') this.#session.disposable = true
    // query_canceled: given up on by whoever has given up the connection, not by the caller.
    const { tainted } = this.#session
    if (error.code === '57014' && tainted !== undefined)
      return new TenancyError('CONNECTION_LOST', { reason: tainted }, { cause: error })
    return (ofScope ? this.#scope.refusal?.(this.#scope.tenant, error) : undefined) ?? error
  }

  override handleCopyInResponse(wire: WireConnection): void {
    // The server reads over a Sync in copy mode, so that another one must follow or it would wait for ever.
    wire.sendCopyFail('COPY needs a stream')
    wire.sync()
  }
}

/** Sends a statement and waits until the server is done with it, when it has its result, or the client gives up on it. */
export function send(client: pg.ClientBase, session: Session, query: ScopedQuery): Promise<ScopedQuery> {
  return new Promise((resolve, reject) => {
    query.callback = error => {
      if (error == null) {
        resolve(query)
        return
      }
      // Settled, and yet not answered: the client gave up, and nobody knows what the server is doing.
      if (session.inFlight.includes(query)) session.tainted ??= error.message
      reject(error)
    }
    client.query(query as unknown as pg.Submittable)
  })
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error('A value of the query threw.', { cause: thrown })
}
