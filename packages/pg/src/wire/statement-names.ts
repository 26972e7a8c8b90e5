import { randomBytes } from 'node:crypto'
import type pg from 'pg'

// Two copies of this package may use one connection.
const copy = randomBytes(3).toString('hex')

/** A statement that is, or is about to be, prepared on one connection. */
export interface PreparedStatement {
  readonly text: string
  /** Its name on the wire; '' for the unnamed statement. */
  readonly wire: string
  /** Whether its Parse was written. */
  sent: boolean
  /** Whether the server has accepted it. */
  parsed: boolean
  /** Whether the server has described it. */
  described: boolean
  /** How the server described its columns; `undefined` for a statement without. Private: a result gets a copy. */
  columns: readonly pg.FieldDef[] | undefined
}

/** How many statements a connection keeps prepared; the server holds a plan of each, of some ten kilobytes. */
const most = 500

/** The prepared statements of one connection, of which one that was not used for long makes room. */
export interface StatementNames {
  /** The statement of this key, or a new one that is still to be parsed. A known one may have another text. */
  take(key: string, text: string): PreparedStatement
  /** Forgets a statement whose preparation failed or that the server no longer has. */
  forget(statement: PreparedStatement): void
  /** Names that the server may still hold though nobody uses them; given once, to be closed with the next statement. */
  takeDead(): readonly string[]
}

/** The unnamed statement, which lasts until the next one. */
export function unnamed(text: string): PreparedStatement {
  return { text, wire: '', sent: false, parsed: false, described: false, columns: undefined }
}

/**
 * Names on the wire are ours and never used twice on a connection: after a failed Parse nobody can be sure whether the server,
 * or a pooler in between, knows the name.
 */
export function createStatementNames(): StatementNames {
  const byKey = new Map<string, PreparedStatement>()
  let dead: string[] = []
  let count = 0
  return {
    take(key, text) {
      const known = byKey.get(key)
      if (known !== undefined) {
        // Last in line again. While there is room for as many more, the order need not be kept, which costs.
        if (byKey.size * 2 >= most) {
          byKey.delete(key)
          byKey.set(key, known)
        }
        return known
      }
      const [oldest] = byKey.size < most ? [] : byKey
      if (oldest !== undefined) {
        byKey.delete(oldest[0])
        dead.push(oldest[1].wire)
      }
      count += 1
      const statement = { ...unnamed(text), wire: `tenantry_${copy}_${count}` }
      byKey.set(key, statement)
      return statement
    },
    forget(statement) {
      for (const [key, known] of byKey) {
        if (known === statement) {
          byKey.delete(key)
          dead.push(statement.wire)
        }
      }
    },
    takeDead() {
      const names = dead
      if (names.length > 0) dead = []
      return names
    },
  }
}
