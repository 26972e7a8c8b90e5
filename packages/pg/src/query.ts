/**
 * Sends a statement on one connection, inside the transaction that the caller has opened; without values it may be several
 * statements in one text. `(text, values) => client.query(text, values)` of pg will do.
 */
export type Query = <Row extends object = Record<string, unknown>>(
  text: string,
  values?: readonly unknown[],
) => Promise<{ readonly rows: Row[] }>
