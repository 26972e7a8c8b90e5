import type { Lookup } from '../lookup.ts'

/** A row of pg_depend between two objects of the schema, as `pg_class 123`. */
export interface Edge {
  readonly from: string
  readonly to: string
  /** As pg_depend.deptype. */
  readonly type: string
}

/**
 * What each unit and part needs, by its own keys. A thing that depends on another internally (an array type, a toast table, the index
 * of a constraint) comes with it, and stands for it here.
 */
export function needsOf(
  edges: readonly Edge[],
  provided: ReadonlySet<string>,
  lookup: Lookup,
): (keys: readonly string[]) => ReadonlySet<string> {
  const internal = new Map(edges.filter(({ type }) => type === 'i').map(({ from, to }) => [from, to]))
  const needs = new Map<string, Set<string>>()

  function home(key: string): string | undefined {
    let at: string | undefined = key
    while (at !== undefined && !provided.has(at)) at = internal.get(at)
    return at
  }

  for (const edge of edges.filter(edge => counts(edge, lookup))) {
    const from = home(edge.from)
    const to = home(edge.to)
    if (from === undefined || to === undefined || from === to) continue
    const known = needs.get(from)
    if (known === undefined) needs.set(from, new Set([to]))
    else known.add(to)
  }
  return keys => new Set(keys.flatMap(key => [...(needs.get(key) ?? [])]).filter(need => !keys.includes(need)))
}

/** A sequence is made before the column that owns it, and a partition before it is one. */
function counts({ from, to, type }: Edge, { catalog }: Lookup): boolean {
  if (type === 'n') return true
  if (type !== 'a') return false
  const relation = catalog.relations.find(({ oid }) => from === `pg_class ${oid}`)
  if (relation === undefined) return true
  return relation.kind !== 'S' && !(relation.isPartition && to === `pg_class ${relation.parents[0]}`)
}
