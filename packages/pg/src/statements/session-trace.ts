import { firstWords, isPlainQuery } from './statement-kind.ts'

/**
 * What a statement may leave in the session that carries it:
 *
 * - `none`: nothing; what nearly every statement is.
 * - `possible`: it is not plain DML, so that nobody knows.
 * - `state`: something that a reset clears: settings, advisory locks, temporary objects, held cursors; or it can do anything.
 * - `lasting`: something that no reset clears.
 */
export type SessionTrace = 'none' | 'possible' | 'state' | 'lasting'

/** What the text of a statement tells of its session. What functions, triggers and views do cannot be seen there. */
export interface SessionUse {
  readonly leaves: SessionTrace
  /** Whether it may ask for the last value that a sequence gave in this session. */
  readonly readsSequence: boolean
  /** Whether it runs procedural code, which may end the transaction that it runs in and go on without the tenant. */
  readonly mayEnd: boolean
}

// Functions by name, wherever they stand: a name can be quoted, qualified, or spelled with escapes (U&"…"). Some run SQL that
// they are given as a text. SELECT INTO TEMP too, where a comment may stand in front of TEMP.
const state = new RegExp(
  [
    // An update of pg_settings is a set_config of its rule.
    'set_config|pg_settings|advisory_lock|u&"|_to_xml|ts_stat|ts_rewrite|crosstab|connectby|xpath_table',
    String.raw`\binto(?:\s+(?:temp|temporary|local|global)\b|(?:\s+table)?\s*(?:/\*|--|"?pg_temp))`,
  ].join('|'),
  'i',
)
// Connections of dblink, the seed of random(), a backup in progress.
const lasting = /dblink|setseed|pg_backup_start/i
const sequence = /lastval|currval|u&"/i
const any = new RegExp(`${state.source}|${lasting.source}|${sequence.source}`, 'i')

/** First words of further statements that leave nothing behind their transaction. DECLARE … WITH HOLD is refused. */
const harmless = new Set(['DECLARE', 'FETCH', 'MOVE', 'CLOSE', 'SHOW', 'LOCK', 'NOTIFY', 'TABLE', undefined])

/** What a statement does that uses no session. */
export const noSessionUse: SessionUse = { leaves: 'none', readsSequence: false, mayEnd: false }

/** Of a statement that is no transaction control. */
export function sessionUse(text: string): SessionUse {
  const found = any.test(text)
  if (!found && isPlainQuery(text)) return noSessionUse
  return {
    leaves: found ? traceOfWords(text) : traceOfKind(text),
    readsSequence: sequence.test(text),
    mayEnd: isProcedural(text),
  }
}

function traceOfWords(text: string): SessionTrace {
  if (lasting.test(text)) return 'lasting'
  return state.test(text) ? 'state' : traceOfKind(text)
}

function isProcedural(text: string): boolean {
  return !isPlainQuery(text) && /^(?:DO|CALL)$/.test(firstWords(text, 1)[0] ?? '')
}

function traceOfKind(text: string): SessionTrace {
  if (isPlainQuery(text)) return 'none'
  if (isProcedural(text)) return 'state'
  const [first] = firstWords(text, 1)
  // EXPLAIN ANALYZE CREATE TEMP TABLE … AS creates it.
  if (first === 'EXPLAIN') return /create/i.test(text) ? 'state' : 'possible'
  return harmless.has(first) ? 'none' : 'possible'
}
