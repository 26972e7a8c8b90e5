import { TenancyError } from '@tenantry/core'
import { quoteIdentifier } from '@tenantry/pg'
import pg from 'pg'

/** Whose an object is, as its comment says. What has no such comment was made by somebody else. */
export interface Mark {
  readonly tenantry: 'pg-schema'
  /** The digest of the tenant's id, since every role can read comments; none for a template. */
  readonly tenant?: string
  readonly template?: true
  /** Of a schema that is being filled by code of others: what is found so was left half made. */
  readonly making?: true
  /** Of the schema of a tenant that is suspended: its role may not use it. */
  readonly suspended?: true
  /** Of a role, which belongs to the whole server: the database that it was made for. */
  readonly database?: string
}

/** An object with its comment. */
export interface Marked {
  readonly mark: string | null
  /** Whether the provisioner owns it: somebody else's may have any comment. */
  readonly owned?: boolean
}

/** The comment that says whose an object is. */
export function markText(mark: Omit<Mark, 'tenantry'>): string {
  return JSON.stringify({ tenantry: 'pg-schema', ...mark })
}

/** Whether an object is the one that is wanted, and was left half made by code that ended the transaction. */
export function isUnfinished(found: Marked | null, wanted: Omit<Mark, 'tenantry'>): boolean {
  return found?.owned !== false && found?.mark === markText({ ...wanted, making: true })
}

/** Whether an object is the one that is wanted, of a tenant that is suspended. */
export function isSuspended(found: Marked | null, wanted: Omit<Mark, 'tenantry'>): boolean {
  return found?.owned !== false && found?.mark === markText({ ...wanted, suspended: true })
}

/** SQL for whether the mark that an expression gives is that of a tenant which is suspended. */
export function saysSuspended(expression: string): string {
  return `coalesce(pg_catalog.strpos(${expression}, ',"suspended":true}') operator(pg_catalog.>) 0, false)`
}

/** A statement that says whose a schema is. */
export function markSchema(schema: string, mark: Omit<Mark, 'tenantry'>): string {
  return `comment on schema ${quoteIdentifier(schema)} is ${pg.escapeLiteral(markText(mark))}`
}

/** Reads the comment of an object; `undefined` for any other text. */
export function readMark(comment: string | null | undefined): Mark | undefined {
  if (!comment?.startsWith('{"tenantry":"pg-schema"')) return undefined
  try {
    return JSON.parse(comment)
  } catch {
    // Somebody has edited it: not ours any more.
    return undefined
  }
}

/**
 * Sees that an object is there and the tenant's, or not there.
 *
 * @returns whether it is there.
 * @throws {TenancyError} `OBJECT_FOREIGN`
 */
export function isThereAsOwn(
  kind: string,
  name: string,
  found: Marked | null,
  wanted: Omit<Mark, 'tenantry'>,
): boolean {
  if (found === null) return false
  if (found.mark === markText(wanted) && found.owned !== false) return true
  const mark = readMark(found.mark)
  const owner =
    mark?.tenant === undefined || found.owned === false
      ? 'somebody else'
      : `the tenant whose id has the digest ${mark.tenant}${mark.database === undefined ? '' : ` of the database "${mark.database}"`}`
  throw new TenancyError('OBJECT_FOREIGN', { kind, name, owner })
}

/** SQL for the tenant of the mark that an expression gives, whatever else the mark says; null where it is no tenant's. */
export function tenantOfMark(expression: string): string {
  const [start = ''] = markText({ tenant: '?' }).split('?')
  // Only what stands in no need of escapes, in JSON as in SQL.
  return `substring(${expression} from ${pg.escapeLiteral(`^${start.replace('{', '\\{')}([A-Za-z0-9_-]+)"`)})`
}

/** SQL for the mark of a tenant's role in the current database. */
export function roleMark(tenant: string): string {
  const [start = '', middle = '', end = ''] = markText({ tenant: '?', database: '?' }).split('?')
  // to_json escapes as JSON.stringify does, and brings the quotes.
  const database = 'to_json(current_database()::text)::text'
  return [
    pg.escapeLiteral(start),
    tenant,
    pg.escapeLiteral(middle.slice(0, -1)),
    database,
    pg.escapeLiteral(end.slice(1)),
  ].join(' || ')
}
