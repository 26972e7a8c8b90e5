import type { RelationFacts } from '../catalog/facts.ts'
import type { Lookup } from '../lookup.ts'
import { defaultPrivilegesOf } from '../privileges/default-privileges.ts'
import { type PrivilegeTerms, privilegesOf } from '../privileges/privileges.ts'
import { calledBy } from '../text/function-text.ts'
import { inherits, kindWords } from '../text/relation-text.ts'
import type { Problem } from './problem.ts'

/** Objects that could be cloned, were it not for who owns them, what they are called, or the state they are in. */
export function refusedStates(lookup: Lookup, terms: PrivilegeTerms): readonly Problem[] {
  const { catalog } = lookup
  return [
    ...namedObjects(lookup).flatMap(({ key, name, owner, visible }) => {
      if (owner !== catalog.schema.me) {
        const text = `${name}: it belongs to ${owner}, and a clone's objects belong to ${catalog.schema.me}; alter it to be owned by that`
        return [{ key, text }]
      }
      // Statements find it by its name alone, and the server looks among its own things first.
      if (!visible)
        return [
          {
            key,
            text: `${name}: it has the name of something of the server's own, which would be found instead; rename it`,
          },
        ]
      return []
    }),
    ...privilegesOf(lookup, terms)
      .filter(({ rights }) => rights.grantors.length > 0)
      .map(({ on, name = '', rights: { grantors } }) => ({
        key: `privileges ${on} ${name}`,
        text: `${`${on.toLowerCase()} ${name}`.trim()}: privileges on it were granted by ${grantors.join(', ')}; let its owner grant them`,
      })),
    ...defaultPrivilegesOf(catalog, terms)
      .filter(({ role }) => role !== catalog.schema.me)
      .map(({ role }) => ({
        key: `default privileges ${role}`,
        text: `default privileges of ${role}: only ${role} could set them in a clone; revoke them`,
      })),
    ...catalog.indexes
      .filter(({ valid }) => !valid)
      .map(({ oid, name }) => ({
        key: `pg_class ${oid}`,
        text: `index ${name}: it is not valid; build it again, or attach its parts`,
      })),
    ...catalog.triggers
      .filter(({ internal }) => internal)
      .map(({ oid, relation }) => ({
        key: `pg_trigger ${oid}`,
        text: `table ${lookup.relation(relation).name}: a trigger that holds one of its constraints is switched off; switch it on`,
      })),
    ...catalog.relations.filter(inherits).flatMap(table => orderProblems(table, lookup)),
  ]
}

function namedObjects({ catalog }: Lookup) {
  const { relations, types, functions, statistics } = catalog
  return [
    // A composite type is told of as a type.
    ...relations
      .filter(({ kind }) => kind !== 'c')
      .map(item => ({
        ...item,
        key: `pg_class ${item.oid}`,
        name: `${kindWords(item.kind).toLowerCase()} ${item.name}`,
      })),
    ...types.map(item => ({
      ...item,
      key: `pg_type ${item.oid}`,
      name: `${item.type === 'd' ? 'domain' : 'type'} ${item.name}`,
    })),
    ...functions
      .filter(({ ofRange }) => !ofRange)
      .map(item => ({ ...item, key: `pg_proc ${item.oid}`, name: `function ${calledBy(item)}` })),
    ...statistics.map(item => ({ ...item, key: `pg_statistic_ext ${item.oid}`, name: `statistics ${item.name}` })),
  ]
}

/** A table that inherits has its ancestors' columns first; the server makes it so, and cannot be told another order. */
function orderProblems(table: RelationFacts, lookup: Lookup): readonly Problem[] {
  const columns = lookup.columns(table.oid)
  const known = new Set(lookup.catalog.relations.map(({ oid }) => oid))
  const ancestors = table.parents.filter(oid => known.has(oid)).flatMap(oid => lookup.columns(oid))
  const brought = new Set(ancestors.map(({ name }) => name))
  const order = [...brought, ...columns.map(({ name }) => name).filter(name => !brought.has(name))]
  if (order.every((name, at) => columns[at]?.name === name)) return []
  const text = `table ${table.name}: the columns that it inherits do not come first, and in a clone they would; make it anew`
  return [{ key: `pg_class ${table.oid}`, text }]
}
