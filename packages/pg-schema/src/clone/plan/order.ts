import type { Text } from '../names.ts'

/** Something that one statement makes, and what must be there before it. */
export interface Unit {
  /** For a message: `view totals`. */
  readonly name: string
  /** What it makes, as `pg_class 123`. */
  readonly provides: readonly string[]
  readonly needs: ReadonlySet<string>
  /** What may be said in the same statement, or later in one of its own. */
  readonly parts: readonly Part[]
  /** The statement, with those parts in it whose needs are met. */
  text(inline: readonly Part[]): Text
}

/** A default, a check, a foreign key. */
export interface Part {
  readonly name: string
  readonly provides: readonly string[]
  readonly needs: ReadonlySet<string>
  /** As the statement has it; undefined where it must be said later. */
  readonly inline: string | undefined
  /** The column that it belongs to, if it stands behind one. */
  readonly column?: number
  readonly later: Text
}

/** What {@link inOrder} has found. */
export interface Order {
  readonly texts: readonly Text[]
  /** What they make, in the same order. */
  readonly keys: readonly string[]
  readonly stuck: readonly Unit[]
}

/**
 * Statements in an order in which each finds what it needs. A circle is broken where something can be said later, such as a foreign
 * key of the first of two tables that refer to each other; units in a circle that cannot be broken are left over.
 */
export function inOrder(units: readonly Unit[]): Order {
  const texts: Text[] = []
  const made = new Set<string>()
  const makers = new Map(
    units.flatMap(unit => [...unit.provides, ...unit.parts.flatMap(keysOf)].map(key => [key, unit])),
  )
  const isMade = (need: string) => made.has(need) || !makers.has(need)
  const isFree = ({ needs }: Unit) => [...needs].every(isMade)
  const wanted = new Map(units.map(unit => [unit, unit.parts.filter(part => mayBeInline(part, unit))]))
  let left: readonly Unit[] = units

  function mayBeInline(part: Part, unit: Unit): boolean {
    if (part.inline === undefined) return false
    // What needs the unit cannot be there before it.
    return ![...part.needs].some(need => unit.provides.some(key => makers.get(need)?.needs.has(key)))
  }

  /** Gives what is left to be made of it. */
  function make(unit: Unit): readonly Unit[] {
    const inline = possible(unit, wanted.get(unit) ?? [], isMade)
    texts.push(unit.text(inline))
    for (const key of [...unit.provides, ...inline.flatMap(keysOf)]) made.add(key)
    return unit.parts.filter(part => !inline.includes(part)).map(part => laterUnit(part, unit))
  }

  while (left.length > 0) {
    const waiting: Unit[] = []
    for (const unit of left) {
      const parts = wanted.get(unit) ?? []
      const ready = isFree(unit) && possible(unit, parts, isMade).length === parts.length
      waiting.push(...(ready ? make(unit) : [unit]))
    }
    const moved = waiting.length < left.length || waiting.some((unit, at) => unit !== left[at])
    left = waiting
    if (moved) continue
    const first = left.find(isFree)
    if (first === undefined) break
    left = [...make(first), ...left.filter(unit => unit !== first)]
  }
  return { texts, keys: [...made], stuck: left }
}

function keysOf({ provides }: Part): readonly string[] {
  return provides
}

/** Those parts that can stand in the statement: all they need is there, or comes with it. */
function possible(unit: Unit, parts: readonly Part[], isMade: (need: string) => boolean): readonly Part[] {
  const own = new Set([...unit.provides, ...parts.flatMap(keysOf)])
  const fitting = parts.filter(({ needs }) => [...needs].every(need => own.has(need) || isMade(need)))
  return fitting.length === parts.length ? parts : possible(unit, fitting, isMade)
}

function laterUnit({ name, provides, needs, later }: Part, unit: Unit): Unit {
  return { name, provides, needs: new Set([...needs, ...unit.provides]), parts: [], text: () => later }
}
