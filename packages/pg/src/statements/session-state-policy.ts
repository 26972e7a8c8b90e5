/**
 * What becomes of state that outlives a statement: settings, advisory locks, temporary objects, held cursors.
 *
 * - `detect`: after statements that may leave some, as far as their text or the server's messages tell, the connection is reset
 *   before anybody else gets it. Plain DML costs nothing. Functions, triggers and views of your own are not looked into: what
 *   they leave stays, unless the server reports it.
 * - `always`: it is reset after every single statement and every lease, whatever they did. Nobody waits for that, but a pool
 *   with no connection to spare serves about a third as many statements.
 * - `refuse`: such statements are refused. For a pooler in transaction mode, where the session is not ours to reset.
 */
export type SessionStatePolicy = 'detect' | 'always' | 'refuse'
