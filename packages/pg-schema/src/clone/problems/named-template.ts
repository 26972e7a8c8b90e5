import type { Structure } from '../describe/describe.ts'
import type { Lookup } from '../lookup.ts'
import { qualifiedNames } from '../qualified-names.ts'
import { calledBy, hasText } from '../text/function-text.ts'
import type { Problem } from './problem.ts'

/**
 * Texts that name the template, and so would name it in every clone. In a body every qualified name counts. Elsewhere the server says
 * no schema where it needs none, so that what is left is text (`nextval('template.s')` of a text, an argument of a trigger) or the name
 * of something that the server has too; there a name counts only if it is that of an object, because `'template.html'` is none.
 */
export function namedTemplate(lookup: Lookup, structure: Structure): readonly Problem[] {
  const { catalog } = lookup
  const objects = new Set(
    [...catalog.relations, ...catalog.types, ...catalog.functions].map(({ name }) =>
      name.replace(/^"(.*)"$/, '$1').replaceAll('""', '"'),
    ),
  )
  const bodies = catalog.functions.filter(hasText).flatMap(item => {
    const named = qualifiedNames(item.source).find(({ schema }) => schema === catalog.name)
    if (named === undefined) return []
    return [
      {
        key: `pg_proc ${item.oid}`,
        text: `function ${calledBy(item)}: its body names ${named.schema}.${named.name}; leave out the schema, also in comments`,
      },
    ]
  })
  const definitions = structure
    .filter(({ kind }) => kind !== 'comment')
    .flatMap(({ kind, name, definition }) => {
      const named = qualifiedNames(definition).find(item => item.schema === catalog.name && objects.has(item.name))
      if (named === undefined) return []
      return [
        {
          key: `${kind} ${name}`,
          text: `${kind} ${name}: it names ${named.schema}.${named.name}; leave out the schema, or rename what the server has too`,
        },
      ]
    })
  return [...bodies, ...definitions]
}
