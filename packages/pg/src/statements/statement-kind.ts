/**
 * What a statement means for the scope of a connection. The extended protocol carries one statement at a time, so its first
 * words decide.
 */
export type StatementKind =
  | { readonly kind: 'ordinary' }
  /** Opens a transaction. */
  | { readonly kind: 'begin' }
  /** Ends a transaction with its effects. */
  | { readonly kind: 'commit' }
  /** Ends a transaction without. */
  | { readonly kind: 'rollback' }
  /** Moves inside a transaction, or sets it up before its first query. Touches no data. */
  | { readonly kind: 'transaction' }
  /** Cannot be scoped safely. */
  | { readonly kind: 'refused'; readonly statement: string; readonly reason: string; readonly advice: string }

const ordinary: StatementKind = { kind: 'ordinary' }
const transaction: StatementKind = { kind: 'transaction' }

const plain = /^\s*(?:select|insert|update|delete|with|values|merge)\b/i

/** What nearly every statement is, decided without reading words. Not every query is found to be one. */
export function isPlainQuery(text: string): boolean {
  return plain.test(text)
}

// White space, comments and empty statements that Postgres skips before the first word (lexical structure, section 4.1).
const skipped = /^(?:[\s;]+|--[^\n\r]*)/
// A word, a quoted identifier as one word, or a dot. A Unicode-escaped identifier (U&"…") ends the reading: it could be any.
const word = /^(?:(?![Uu]&")[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*|"(?:[^"]|"")*"|\.)/

/** Settings that decide who the session is or what row security does; never set by a tenant's own statements. */
const guardedSetting = /^(?:role|session_authorization|row_security|session|search_path)$/i

/** What a statement means for the scope, from its first words. */
export function statementKind(text: string): StatementKind {
  if (isPlainQuery(text)) return ordinary
  const words = firstWords(text, 10)
  const [first, second] = words
  switch (first) {
    case 'BEGIN':
      return { kind: 'begin' }
    case 'START':
      return second === 'TRANSACTION' ? { kind: 'begin' } : ordinary
    case 'COMMIT':
    case 'END':
      return second === 'PREPARED' ? twoPhase('COMMIT PREPARED') : { kind: 'commit' }
    case 'ROLLBACK':
    case 'ABORT':
      if (second === 'PREPARED') return twoPhase('ROLLBACK PREPARED')
      return words.includes('TO') ? transaction : { kind: 'rollback' }
    case 'SAVEPOINT':
    case 'RELEASE':
      return transaction
    case 'SET':
      return setKind(words)
    case 'RESET':
    case 'DISCARD':
    case 'LOAD':
      return sessionState(first, 'it changes the session, which other tenants use next')
    case 'LISTEN':
    case 'UNLISTEN':
      return sessionState(
        first,
        'notifications belong to the session, which other tenants use next',
        'Listen on a pg.Client of your own.',
      )
    case 'PREPARE':
      if (second === 'TRANSACTION') return twoPhase('PREPARE TRANSACTION')
      return sessionState(first, 'SQL-level prepared statements stay in the session', 'Give the query a name instead.')
    case 'EXECUTE':
    case 'DEALLOCATE':
      return sessionState(first, 'SQL-level prepared statements stay in the session', 'Give the query a name instead.')
    case 'COPY':
      return refused(
        'COPY',
        'it needs a stream',
        'Run a pg-copy-streams query inside a transaction of pool.connect(), or insert with unnest().',
      )
    case 'DECLARE':
      return holds(text)
        ? sessionState(
            'DECLARE … WITH HOLD',
            'a held cursor outlives its transaction',
            'Declare it without HOLD, inside the transaction.',
          )
        : ordinary
    case 'CREATE':
      return isTemporary(words)
        ? sessionState(
            'CREATE TEMPORARY',
            'temporary objects stay in the session and can shadow tables',
            'Use a common table expression, or a table with a tenant column.',
          )
        : ordinary
    default:
      return ordinary
  }
}

function setKind([, second, third, fourth]: readonly string[]): StatementKind {
  if (second === 'TRANSACTION') return transaction
  if (second === 'CONSTRAINTS') return ordinary
  if (second === 'LOCAL') {
    if (third === undefined || guardedSetting.test(third) || third.startsWith('"') || fourth === '.') {
      return refused('SET LOCAL', `${third ?? 'this setting'} belongs to the tenant scope`, 'Leave it to the scope.')
    }
    return transaction
  }
  return sessionState(
    'SET',
    'it outlives the transaction, and other tenants use the session next',
    'Use SET LOCAL inside a transaction.',
  )
}

/** `DECLARE name options CURSOR [WITH HOLD] FOR …`. A name that ends the reading is taken for the worst. */
function holds(text: string): boolean {
  const words = firstWords(text, Number.POSITIVE_INFINITY)
  const end = words.indexOf('FOR', 2)
  return end === -1 || words.slice(2, end).includes('HOLD')
}

/** `CREATE [OR REPLACE] [LOCAL | GLOBAL] TEMPORARY …`, or a name in `pg_temp`. */
function isTemporary(words: readonly string[]): boolean {
  const kind = words.slice(words[1] === 'OR' ? 3 : 1).find(found => found !== 'LOCAL' && found !== 'GLOBAL')
  return (
    kind === 'TEMP' ||
    kind === 'TEMPORARY' ||
    words.some((found, at) => /^"?PG_TEMP"?$/.test(found) && words[at + 1] === '.')
  )
}

function twoPhase(statement: string): StatementKind {
  return refused(statement, 'a prepared transaction belongs to no session and so to no tenant', 'Use COMMIT.')
}

function sessionState(
  statement: string,
  reason: string,
  advice = 'Use a pg.Client of your own for it.',
): StatementKind {
  return refused(statement, reason, advice)
}

function refused(statement: string, reason: string, advice: string): StatementKind {
  return { kind: 'refused', statement, reason, advice }
}

/** The first words of a statement, upper-case, comments left out, dots and quoted identifiers as words of their own. */
export function firstWords(text: string, count: number): string[] {
  const words: string[] = []
  let rest = text
  while (words.length < count) {
    rest = skip(rest)
    const match = word.exec(rest)
    if (match === null) break
    words.push(match[0].toUpperCase())
    rest = rest.slice(match[0].length)
  }
  return words
}

function skip(text: string): string {
  let rest = text
  for (;;) {
    const match = skipped.exec(rest)
    if (match !== null) rest = rest.slice(match[0].length)
    else if (rest.startsWith('/*')) rest = rest.slice(blockCommentLength(rest))
    else return rest
  }
}

/** Block comments nest in Postgres. */
function blockCommentLength(text: string): number {
  let depth = 0
  for (let at = 0; at < text.length; at++) {
    const pair = text.slice(at, at + 2)
    if (pair === '/*') {
      depth++
      at++
    } else if (pair === '*/') {
      depth--
      at++
      if (depth === 0) return at + 1
    }
  }
  return text.length
}
