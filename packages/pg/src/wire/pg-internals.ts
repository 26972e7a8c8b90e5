import type { EventEmitter } from 'node:events'
import pg from 'pg'

// Everything that this package needs of `pg` beyond its published types stands here, with where it comes from, so that a new
// version can be checked against one file (pg 8.23: lib/client.js, lib/connection.js, lib/query.js, lib/result.js, lib/utils.js).
// `test/pg-internals.test.ts` fails when one of them is gone.

/** `ReadyForQuery` status: idle, in a transaction, in an aborted transaction (protocol flow, section "ReadyForQuery"). */
export type TransactionStatus = 'I' | 'T' | 'E'

/** The protocol side of a `pg.Client`. */
export interface WireConnection extends EventEmitter {
  readonly stream: { write(messages: Uint8Array): boolean; cork?(): void; uncork?(): void; destroy(): void }
  sendCopyFail(reason: string): void
  sync(): void
}

/** The message handlers of `pg.Query`, which `pg.Client` calls while the query is active. */
export interface WireQuery {
  callback: (error: Error | null | undefined) => void
  /** Made with the query; `pg.Client` gives it the types of the client, if it has none. */
  readonly _result: WireResult
  /** Set by a client that wants binary results. */
  binary?: boolean
  handleRowDescription(message: WireColumns): void
  handleDataRow(message: WireRow): void
  handleCommandComplete(message: unknown, connection: WireConnection): void
  handleEmptyQuery(connection: WireConnection): void
  handleReadyForQuery(connection: WireConnection): void
  handleError(error: Error, connection: WireConnection): void
  handleCopyInResponse(connection: WireConnection): void
}

/** The making of a result, in which the caller's types and parsers are called. */
export interface WireResult extends pg.QueryResult {
  addFields(fields: pg.FieldDef[]): void
  parseRow(fields: WireRow['fields']): unknown
  addRow(row: unknown): void
  addCommandComplete(message: unknown): void
}

/** How the server describes the rows to come. */
export interface WireColumns {
  readonly fields: readonly pg.FieldDef[]
}

/** A row as it came: each field as text, or as bytes in the binary format. */
export interface WireRow {
  readonly fields: readonly (string | Buffer | null)[]
}

/** What `pg.Query` needs to know of a statement to make its result. */
export interface WireQueryConfig {
  readonly text: string
  readonly rowMode: string | undefined
  readonly types: pg.CustomTypesConfig | undefined
}

/** `pg.Query` as a base class, with its handlers. */
export const WireQueryBase = pg.Query as unknown as new (config: string | WireQueryConfig) => WireQuery

/** How `pg` makes a parameter of a JavaScript value; may throw for what the value's own `toPostgres` throws. */
export const prepareValue: (value: unknown) => unknown = (
  pg as unknown as { utils: { prepareValue(value: unknown): unknown } }
).utils.prepareValue

/** Whether a client waits for nothing: what was given to it is answered. */
export function isReady(client: pg.ClientBase): boolean {
  return (client as unknown as { readyForQuery?: boolean }).readyForQuery === true
}

/** The protocol side of a client. */
export function wireOf(client: pg.ClientBase): WireConnection | undefined {
  return (client as unknown as { connection?: WireConnection }).connection
}

/** Ends a connection without a word to the server. */
export function destroySocket(client: pg.ClientBase): void {
  wireOf(client)?.stream.destroy()
}

/** What a client keeps of the password it has connected with, where a look at it or at the heap would show it. */
export function forgetPassword(client: pg.Client): void {
  client.password = ''
  const { connectionParameters } = client as unknown as { readonly connectionParameters: { password: string } }
  connectionParameters.password = ''
}

/** Where a client is connected to, and what the server has given it to cancel its statements with. */
export interface CancelKey {
  readonly host: string
  readonly port: number
  readonly ssl: unknown
  readonly processID: number | null
  readonly secretKey: number | null
}

/** The key of a client that is connected. */
export function cancelKeyOf(client: pg.ClientBase): CancelKey {
  return client as unknown as CancelKey
}

/** A connection that is no client: for the one message of a cancel request. */
export interface CancelConnection extends WireConnection {
  connect(port: number, host: string): void
  connect(path: string): void
  requestSsl(): void
  cancel(processId: number, secretKey: number): void
}

/** `pg.Connection`. */
export const CancelConnection = (pg as unknown as { Connection: new (config: { ssl: unknown }) => CancelConnection })
  .Connection

/**
 * Whether a client can write our statements behind one whose answer it waits for. It must know them as queries of its own, and not
 * end the connection of all of them when one takes longer than its `query_timeout`.
 */
export function canPipeline(client: pg.ClientBase): boolean {
  if (!('pipeline' in client && client instanceof pg.Client)) return false
  const { connectionParameters } = client as unknown as { readonly connectionParameters: { query_timeout?: unknown } }
  return !connectionParameters.query_timeout
}

/** Has a client that {@link canPipeline} do so, or not. Between two statements it may change. */
export function pipeline(client: pg.ClientBase, on: boolean): void {
  ;(client as unknown as { pipeline: boolean }).pipeline = on
}
