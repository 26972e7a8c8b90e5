import type { FunctionFacts, TypeFacts } from '../catalog/facts.ts'
import type { Lookup } from '../lookup.ts'
import { calledBy } from '../text/function-text.ts'
import { kindWords } from '../text/relation-text.ts'
import type { Problem } from './problem.ts'

const share = 'make it in a schema that tenants share, as part of an extension, or do without it'

/** Objects of kinds that no statement of ours makes. What is not known to be clonable is refused, not left out. */
export function refusedKinds(lookup: Lookup): readonly Problem[] {
  const { relations, columns, constraints, types, functions, others } = lookup.catalog
  return [
    ...others.map(({ key, name }) => ({ key, text: `${name}: it is not cloned; ${share}` })),
    ...relations
      .filter(({ kind }) => !'rpvmSc'.includes(kind))
      .map(relation => {
        const name = `${kindWords(relation.kind).toLowerCase()} ${relation.name}`
        return { key: `pg_class ${relation.oid}`, text: `${name}: it is not cloned; ${share}` }
      }),
    ...columns
      .filter(({ identity, generated }) => !['', 'a', 'd'].includes(identity) || !['', 's', 'v'].includes(generated))
      .map(column => ({
        key: `pg_class ${column.relation}`,
        text: `column ${lookup.relation(column.relation).name}.${column.name}: it is generated in a way that is not known; ${share}`,
      })),
    ...constraints
      .filter(({ type }) => !'cfnpux'.includes(type))
      .map(constraint => ({
        key: `pg_constraint ${constraint.oid}`,
        text: `constraint ${constraint.name}: its kind is not known; drop it`,
      })),
    ...types.flatMap(type => typeProblems(type)),
    ...functions.flatMap(item => functionProblems(item)),
  ]
}

function typeProblems({ oid, name, type, defined, range }: TypeFacts): readonly Problem[] {
  const key = `pg_type ${oid}`
  if (!defined) return [{ key, text: `type ${name}: it is a shell without a definition; drop it` }]
  if (!'cdermb'.includes(type) || type === 'b')
    return [{ key, text: `type ${name}: base types are not cloned; ${share}` }]
  if (range?.canonical) {
    return [{ key, text: `type ${name}: a range type with a canonical function is not cloned; ${share}` }]
  }
  return []
}

function functionProblems(item: FunctionFacts): readonly Problem[] {
  if (item.ofRange) return []
  const what = { f: 'function', p: 'procedure', a: 'aggregate', w: 'window function' }[item.kind] ?? 'function'
  const reasons = [
    item.kind === 'a' && `aggregates are not cloned; ${share}`,
    item.kind === 'w' && `window functions are not cloned; ${share}`,
    !['a', 'w', 'f', 'p'].includes(item.kind) && `its kind is not known; ${share}`,
    !item.trusted && `only a superuser may make functions in the language ${item.language}; ${share}`,
    item.leakproof && 'only a superuser may make a function LEAKPROOF; alter it to NOT LEAKPROOF',
    item.support !== null && 'only a superuser may give a function a support function; make it without',
  ].filter(reason => reason !== false)
  return reasons
    .slice(0, 1)
    .map(reason => ({ key: `pg_proc ${item.oid}`, text: `${what} ${calledBy(item)}: ${reason}` }))
}
