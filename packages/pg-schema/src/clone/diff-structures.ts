import type { Structure } from './describe/describe.ts'
import type { StructureEntry } from './describe/entry.ts'

/** One thing in which a schema is not like another. */
export interface Difference {
  readonly kind: string
  readonly name: string
  readonly change: 'missing' | 'unexpected' | 'different'
  /** Its definition where it is to be as. */
  readonly wanted?: string
  /** Its definition as found. */
  readonly found?: string
}

/** In what a schema is not as it is to be. What was renamed is missing under one name and unexpected under the other. */
export function diffStructures(wanted: Structure, found: Structure): readonly Difference[] {
  const unmatched = new Map(found.map(entry => [keyOf(entry), entry]))
  const differences: Difference[] = []
  for (const entry of wanted) {
    const { kind, name, definition } = entry
    const other = unmatched.get(keyOf(entry))
    unmatched.delete(keyOf(entry))
    if (other === undefined) differences.push({ kind, name, change: 'missing', wanted: definition })
    else if (other.definition !== definition) {
      differences.push({ kind, name, change: 'different', wanted: definition, found: other.definition })
    } else {
      const [order, otherOrder] = [commonOrder(entry, other), commonOrder(other, entry)]
      if (order !== otherOrder) differences.push({ kind, name, change: 'different', wanted: order, found: otherOrder })
    }
  }
  for (const { kind, name, definition } of unmatched.values()) {
    differences.push({ kind, name, change: 'unexpected', found: definition })
  }
  return differences
}

/**
 * A difference in one line.
 *
 * @example
 * describeDifference(difference) // 'column notes.body is text, not integer'
 */
export function describeDifference({ kind, name, change, wanted, found }: Difference): string {
  switch (change) {
    case 'missing':
      return `${kind} ${name} is missing`
    case 'unexpected':
      return `${kind} ${name} is not in the template`
    default:
      return `${kind} ${name} is ${inLine(found)}, not ${inLine(wanted)}`
  }
}

const shown = 200

function inLine(text: string | undefined): string {
  const line = (text ?? '').replace(/\s+/g, ' ')
  return line.length > shown ? `${line.slice(0, shown)}…` : line
}

function keyOf({ kind, name }: StructureEntry): string {
  return `${kind}\n${name}`
}

/** The columns that both have, in the order of the first. One that is missing is told as such and moves no other. */
function commonOrder({ columns = [] }: StructureEntry, { columns: others = [] }: StructureEntry): string {
  const common = new Set(others)
  return `columns ${columns.filter(column => common.has(column)).join(', ')}`
}
