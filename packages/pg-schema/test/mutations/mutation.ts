/** One change of the fixture, and how it is to be told. */
export interface Mutation {
  readonly sql: string
  /** As `missing index customers_hash`, sorted; since version 18, NOT NULL is a constraint and told as one. */
  readonly told: readonly string[]
  readonly toldSince18?: readonly string[]
  /** Whether pg_dump tells it with the rows only, of which neither a clone nor the dump of a schema has any. */
  readonly saidByRows?: true
}
