import { BSON } from 'mongodb'
import { bsonType } from './canonical.ts'
import { refuse } from './refuse.ts'

/** What the fence lets through by option. */
export interface FenceRules {
  /** Whether JavaScript may run on the server: `$where`, `$function`, `$accumulator`. */
  readonly javascript: boolean
}

const javascript = new Set(['$where', '$function', '$accumulator', '$eval'])

/** Stages that read or write other collections. Where one stands and no stage is expected, nobody has looked at it. */
const reaching = new Set([
  ...['$lookup', '$graphLookup', '$unionWith', '$out', '$merge', '$facet', '$rankFusion', '$scoreFusion'],
  ...[
    '$changeStream',
    '$currentOp',
    '$listSessions',
    '$listLocalSessions',
    '$collStats',
    '$mergeCursors',
    '$backupCursor',
  ],
])

/**
 * Refuses what must not stand anywhere in a filter, an update or an expression.
 *
 * @param value - in its canonical form.
 * @throws {TenancyError} `STATEMENT_REFUSED`
 */
export function checkValues(value: unknown, rules: FenceRules): void {
  if (typeof value !== 'object' || value === null) return
  if (Array.isArray(value)) {
    for (const each of value) checkValues(each, rules)
    return
  }
  const type = bsonType(value)
  if (type === 'Code' && !rules.javascript) refuseJavaScript('A function')
  if (value instanceof BSON.DBRef) {
    if (value.db !== undefined)
      refuse('A DBRef with a database', 'it may name another tenant’s database', 'Leave $db out.')
    checkValues(value.fields, rules)
    checkValues(value.oid, rules)
  }
  if (type !== undefined || value instanceof Date) return
  for (const [key, inner] of Object.entries(value)) {
    if (javascript.has(key) && !rules.javascript) refuseJavaScript(key)
    if (reaching.has(key)) refuse(key, 'it stands where no stage is expected', 'Put stages into the pipeline itself.')
    if (key === '_bsontype') refuse('A field named _bsontype', 'the driver takes it for a type', 'Name it otherwise.')
    checkValues(inner, rules)
  }
}

function refuseJavaScript(what: string): never {
  return refuse(what, 'it runs JavaScript on the server', 'Write it as an expression, or set javascript: true.')
}
