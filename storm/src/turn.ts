import type { Tenant } from '@tenantry/core'
import type { TenantPool } from '@tenantry/pg'
import type pg from 'pg'
import { Caught } from './caught.ts'
import { errorCode, leavesUnknown } from './error-code.ts'
import type { Edit, TenantRows } from './model.ts'
import type { Random } from './random.ts'
import { count } from './tally.ts'
import type { World } from './world.ts'

/** One operation of one tenant. */
export interface Turn {
  readonly name: string
  readonly random: Random
  readonly tenant: Tenant
  /** Another tenant: the victim of hostile operations. */
  readonly other: Tenant
  /** What must be there of the tenant. */
  readonly rows: TenantRows
  readonly db: TenantPool
  readonly world: World
}

/** A thing that a tenant does. */
export interface Operation {
  readonly name: string
  /** How often, in parts of the sum of all shares. */
  readonly share: number
  /** Codes of errors that it may end with, beyond those that anything may meet. */
  readonly expects?: readonly string[]
  /** Runs in the context of the tenant. */
  run(turn: Turn): Promise<void>
}

export interface TaggedRow {
  readonly tag: string | null
}

/** The text that says whose row it is; it stands in every row. */
export function tagOf(tenant: Pick<Tenant, 'id'>): string {
  return `of ${tenant.id}`
}

/** Looks at whose rows these are. */
export function checkOwn<Row extends TaggedRow>(turn: Turn, rows: readonly Row[]): readonly Row[] {
  const own = tagOf(turn.tenant)
  turn.world.tally.rows += rows.length
  for (const { tag } of rows) if (tag !== own) throw new Caught('leak', `${turn.tenant.id} got a row ${tag}`)
  return rows
}

/** Looks at rows that a hostile statement got. `open` says whether the isolation is known not to stop this one. */
export function checkHostile(turn: Turn, rows: readonly TaggedRow[], open: boolean): void {
  const own = tagOf(turn.tenant)
  turn.world.tally.rows += rows.length
  const foreign = rows.find(({ tag }) => tag !== own)
  if (foreign === undefined) return
  if (!open) throw new Caught('leak', `${turn.tenant.id} reached a row ${foreign.tag}`)
  count(turn.world.tally.open, turn.name)
}

export function expectThat(holds: boolean, problem: string): void {
  if (!holds) throw new Caught('wrong', problem)
}

/** Work that may fail with one of these codes, and then gives `undefined`. What fails in another way is thrown on. */
export async function attempt<T>(turn: Turn, codes: readonly string[], work: () => T): Promise<Awaited<T> | undefined> {
  try {
    return await work()
  } catch (error) {
    if (!codes.includes(errorCode(error))) throw error
    count(turn.world.tally.errors, errorCode(error))
    return undefined
  }
}

/** Work that must fail with one of these codes. */
export async function refused(turn: Turn, codes: readonly string[], work: () => unknown): Promise<void> {
  const done = await attempt(turn, codes, async () => {
    await work()
    return 'done'
  })
  if (done !== undefined) throw new Caught('wrong', `${turn.name} was not refused (${codes.join(', ')})`)
}

/**
 * Does work that makes edits, and notes what became of them.
 *
 * @param work - calls `sent` before it sends what makes them lasting.
 */
export async function editing(
  turn: Turn,
  edits: readonly Edit[],
  work: (sent: () => void) => Promise<unknown>,
): Promise<void> {
  let isSent = false
  try {
    await work(() => {
      isSent = true
    })
  } catch (error) {
    const unknown = isSent && leavesUnknown(error)
    for (const { id, before } of edits) turn.rows.settle(id, unknown ? 'unknown' : before)
    throw error
  }
  for (const { id, after } of edits) turn.rows.settle(id, after)
}

/** The `query` of a pool or a lease. */
export type Query = (text: string, values?: readonly unknown[]) => Promise<pg.QueryResult>

/** A query that is prepared under a name half of the time. */
export function queryOf(turn: Turn, { query }: Pick<TenantPool, 'query'>): Query {
  return (text, values = []) =>
    query(turn.random.chance(0.5) ? { name: text, text, values: [...values] } : { text, values: [...values] })
}
