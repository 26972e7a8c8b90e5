import type { Row } from '../subject.ts'
import type { Verb } from './statement.ts'

/** The rules of the memory server: what row-level security is to a real one. */
export interface Policy {
  /** Whether a statement may find a row. `rows` are all that there are. */
  using(row: Row, tenant: string | undefined, verb: Verb, rows: readonly Row[]): boolean
  /** Whether a statement may leave such a row behind. `rows` are all that there were before it. */
  check(row: Row, tenant: string | undefined, verb: Verb, rows: readonly Row[]): boolean
  /** What must be unique of a row. */
  key(row: Row): string
  /** Whose a statement is, of the tenant that its session has set. */
  tenantOf(tenant: string | undefined, verb: Verb, session: object): string | undefined
}

/** A tenant finds and writes its own rows; without a tenant there are none. */
export const safePolicy: Policy = {
  using: (row, tenant) => row.tenant === tenant,
  check: (row, tenant) => row.tenant === tenant,
  key: row => `${row.tenant}/${row.id}`,
  tenantOf: tenant => tenant,
}
