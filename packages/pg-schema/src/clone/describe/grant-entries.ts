import type { Lookup } from '../lookup.ts'
import { defaultPrivilegesOf } from '../privileges/default-privileges.ts'
import { accessText, granteeText } from '../privileges/grant-text.ts'
import {
  objectTypes,
  type Privileges,
  type PrivilegeTerms,
  privilegesOf,
  type Rights,
} from '../privileges/privileges.ts'
import { commentTarget } from '../text/comment-text.ts'
import { anyNames, entry, type StructureEntry } from './entry.ts'

/** Comments and privileges. */
export function grantEntries(lookup: Lookup, terms: PrivilegeTerms): readonly StructureEntry[] {
  const { catalog } = lookup
  return [
    ...catalog.comments.flatMap(comment => {
      const target = commentTarget(comment, lookup)
      return target === undefined ? [] : [entry('comment', target, comment.text)]
    }),
    ...privilegesOf(lookup, terms).flatMap(privilegeTeller()),
    ...defaultPrivilegesOf(catalog, terms).map(({ type, role, grantee, list }) => {
      const by = role === catalog.schema.owner ? '' : ` by ${role}`
      const name = `new ${objectTypes[type]?.all ?? type}${by} to ${granteeText(grantee, anyNames)}`
      return entry('default privileges', name, accessText(list, grantee))
    }),
  ]
}

/** Only what is not as the server has it of itself. */
function privilegeTeller(): (privileges: Privileges) => readonly StructureEntry[] {
  const known = new Map<Rights, readonly (readonly [to: string, text: string])[]>()

  function told({ list, builtIn }: Rights) {
    return [...new Set([...builtIn.keys(), ...list.keys()])].flatMap(grantee => {
      const text = accessText(list, grantee)
      if (text === accessText(builtIn, grantee)) return []
      return [[grantee === 'owner' ? 'its owner' : String(granteeText(grantee, anyNames)), text] as const]
    })
  }

  return ({ on, name = '', column, rights }) => {
    const object = column === undefined ? `${on} ${name}`.trim() : `COLUMN ${name}.${column}`
    const texts = known.get(rights) ?? told(rights)
    known.set(rights, texts)
    return texts.map(([to, text]) => entry('privileges', `${object} to ${to}`, text))
  }
}
