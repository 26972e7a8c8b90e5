import { TenancyError } from '@tenantry/core'
import { quoteIdentifier } from '@tenantry/pg'
import { protectTable } from '@tenantry/pg-rls'
import type pg from 'pg'
import { transaction } from './transaction.ts'

/** What to adopt, and for whom. */
export interface Adoption {
  /** Of the tables' owner. */
  readonly owner: pg.Pool
  readonly table: string
  /** The id of the tenant whose all the rows are. */
  readonly tenant: string
  /** The constraints that did not know of tenants, and those in their place. Run in one transaction with the protection. */
  readonly keys: readonly string[]
  readonly runtimeRole: string
  /** Rows that are written at once. Default 1,000. */
  readonly batch?: number
}

/**
 * Moves the rows of a single-tenant table into a tenant (A46): a column, its values in batches, then NOT NULL, keys and row-level security in
 * one transaction. May be killed anywhere and run again; does nothing to a table that is adopted. Nobody may write meanwhile, and the
 * runtime role has no rights on the table before.
 *
 * @returns how many rows it has adopted; 0 the second time.
 * @throws {TenancyError} `OBJECT_FOREIGN` when rows are another tenant's already: this table was adopted halfway for somebody else.
 */
export async function adopt({ owner, table, tenant, keys, runtimeRole, batch = 1000 }: Adoption): Promise<number> {
  const name = quoteIdentifier(table)
  const { rows } = await owner.query('select relrowsecurity as done from pg_class where oid = $1::regclass', [name])
  if (rows[0]?.done === true) return 0
  await owner.query(`alter table ${name} add column if not exists tenant_id text`)
  const others = await owner.query(`select tenant_id from ${name} where tenant_id <> $1 limit 1`, [tenant])
  const other: unknown = others.rows[0]?.tenant_id
  if (other !== undefined)
    throw new TenancyError('OBJECT_FOREIGN', { kind: 'table', name: table, owner: String(other) })
  for (let written = batch; written === batch; ) {
    const some = `select ctid from ${name} where tenant_id is null limit $2`
    const { rowCount } = await owner.query(`update ${name} set tenant_id = $1 where ctid = any (array(${some}))`, [
      ...[tenant, batch],
    ])
    written = rowCount ?? 0
  }
  return transaction(owner, async client => {
    await client.query(`lock table ${name} in access exclusive mode`)
    const { rows: counted } = await client.query(`select count(*)::int as count from ${name}`)
    for (const line of keys) await client.query(line)
    // NOT NULL fails where somebody wrote meanwhile: then nothing of this has happened.
    for (const line of protectTable(table, { runtimeRole, addColumn: false, index: false, seal: true }))
      await client.query(line)
    return Number(counted[0]?.count)
  })
}
