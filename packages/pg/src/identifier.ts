import { TenancyError } from '@tenantry/core'
import pg from 'pg'

/** Bytes of an identifier (NAMEDATALEN - 1). Postgres cuts what is longer, silently, so that two names become one (T29). */
const maximum = 63

/**
 * An SQL identifier, quoted.
 *
 * @throws {TenancyError} `IDENTIFIER_INVALID` when it is empty, longer than 63 bytes in UTF-8, or holds a NUL.
 * @example
 * quoteIdentifier('notes') // '"notes"'
 */
export function quoteIdentifier(name: string): string {
  const rule = brokenRule(name)
  if (rule !== undefined) {
    throw new TenancyError('IDENTIFIER_INVALID', { identifier: JSON.stringify(name.slice(0, 80)), rule })
  }
  return pg.escapeIdentifier(name)
}

/** A schema-qualified name, each part quoted: `"public"."notes"`. Errors as {@link quoteIdentifier}. */
export function quoteQualified(schema: string, name: string): string {
  return `${quoteIdentifier(schema)}.${quoteIdentifier(name)}`
}

function brokenRule(name: string): string | undefined {
  if (name.length === 0) return 'it is empty'
  if (name.includes('\0')) return 'it holds a NUL character'
  const bytes = Buffer.byteLength(name, 'utf8')
  return bytes > maximum ? `it has ${bytes} bytes, and Postgres keeps ${maximum}` : undefined
}
