import type { Catalog } from '../catalog/facts.ts'
import type { Text } from '../names.ts'
import { type AccessList, type Grantee, readAccessList } from './access-list.ts'
import { granteeText } from './grant-text.ts'
import { objectTypes, type PrivilegeTerms, standard } from './privileges.ts'

/** What one grantee gets of all objects of a kind that will be made in the schema. */
export interface DefaultPrivilege {
  /** As pg_default_acl.defaclobjtype. */
  readonly type: string
  /** Who will make them. */
  readonly role: string
  readonly grantee: Grantee
  readonly list: AccessList
  /** Whether it is the tenant role's standard, and not the template's. */
  readonly standard: boolean
}

/** The default privileges that stand in the schema, and the standard ones where those are to be. */
export function defaultPrivilegesOf(
  { defaultAcls, schema }: Catalog,
  terms: PrivilegeTerms,
): readonly DefaultPrivilege[] {
  const own = defaultAcls
    .filter(({ global }) => !global)
    .flatMap(({ type, role, acl }) => {
      const { list } = readAccessList(acl, { owner: role, tenant: terms.tenant })
      return [...list.keys()].map(grantee => ({ type, role, grantee, list, standard: false }))
    })
  if (!terms.standard) return own
  const given = ['r', 'S', 'f'].map(type => {
    const list: AccessList = new Map([['tenant', new Map(standard[type]?.map(name => [name, false]))]])
    return { type, role: schema.owner, grantee: 'tenant' as const, list, standard: true }
  })
  return [...own, ...given]
}

/** The statement that sets it for what the current role makes. */
export function defaultPrivilegeText({ type, grantee, list }: DefaultPrivilege): Text {
  const { all } = objectTypes[type] ?? { all: '' }
  return names => {
    const role = granteeText(grantee, names)
    if (role === undefined) return ''
    return [false, true]
      .map(
        grantable =>
          [grantable, [...(list.get(grantee) ?? [])].filter(([, passable]) => passable === grantable)] as const,
      )
      .filter(([, given]) => given.length > 0)
      .map(([grantable, given]) => {
        const privileges = given.map(([privilege]) => privilege).join(', ')
        const option = grantable ? ' WITH GRANT OPTION' : ''
        return `ALTER DEFAULT PRIVILEGES IN SCHEMA ${names.schema} GRANT ${privileges} ON ${all} TO ${role}${option}`
      })
      .join(';\n')
  }
}
