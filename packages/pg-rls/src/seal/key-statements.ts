import { quoteQualified } from '@tenantry/pg'
import { paddedKeys, type SealKey } from './seal-key.ts'
import { sealDefaults } from './seal-sql.ts'

/** A statement with parameters, as `pg` takes it. */
export interface SealKeyStatement {
  readonly text: string
  /** What the server needs of the key. Not enumerable: logs, JSON and `util.inspect` do not show it. */
  readonly values: readonly unknown[]
}

/**
 * The statement that brings a key into the database, or replaces it. The key travels as parameters, so that statement logs do
 * not show it. Run it as a superuser, or as the owner of the seal (`set role tenantry_seal`).
 *
 * @throws {TenancyError} `CONFIG_INVALID`
 */
export function sealKeyStatement(key: SealKey, schema: string = sealDefaults.schema): SealKeyStatement {
  const { inner, outer } = paddedKeys(key)
  const text = `insert into ${quoteQualified(schema, 'seal_key')} (id, ipad, opad) values ($1, $2, $3)
      on conflict (id) do update set ipad = excluded.ipad, opad = excluded.opad`
  return Object.defineProperty({ text, values: [] }, 'values', { value: [key.id, inner, outer], enumerable: false })
}

/** The statement that removes a key; tokens that it sealed do not hold any more. */
export function removeSealKeyStatement(id: number, schema: string = sealDefaults.schema): SealKeyStatement {
  return { text: `delete from ${quoteQualified(schema, 'seal_key')} where id = $1`, values: [id] }
}
