import { quoteIdentifier } from '@tenantry/pg'
import type { Names, Text } from '../names.ts'
import type { AccessList, Grantee } from './access-list.ts'
import type { Privileges } from './privileges.ts'

/** One GRANT or REVOKE, before those that differ in the object only are made one. */
interface Change {
  readonly grant: boolean
  /** As GRANT lists them. */
  readonly privileges: string
  readonly grantable: boolean
  readonly on: string
  readonly name: string | undefined
  readonly grantee: Grantee
}

/** The statements that turn the privileges of new objects into those of the template. */
export function grantTexts(all: readonly Privileges[]): readonly Text[] {
  const groups = new Map<string, Change[]>()
  for (const change of all.flatMap(changesOf)) {
    const { name, ...rest } = change
    const key = JSON.stringify(rest)
    groups.set(key, [...(groups.get(key) ?? []), change])
  }
  return [...groups.values()].map(changes => names => changeText(changes, names))
}

function changesOf({ on, name, column, rights: { list, initial } }: Privileges): readonly Change[] {
  const changes: Change[] = []
  const columns = column === undefined ? '' : ` (${column})`
  for (const grantee of new Set([...initial.keys(), ...list.keys()])) {
    const had = initial.get(grantee) ?? new Map<string, boolean>()
    const has = list.get(grantee) ?? new Map<string, boolean>()
    const lost = [...had].some(([privilege, grantable]) => !has.has(privilege) || (grantable && !has.get(privilege)))
    if (lost) changes.push({ grant: false, privileges: `ALL${columns}`, grantable: false, on, name, grantee })
    for (const grantable of [false, true]) {
      const given = [...has].filter(
        ([privilege, passable]) => passable === grantable && (lost || had.get(privilege) !== grantable),
      )
      if (given.length === 0) continue
      const privileges = given
        .map(([privilege]) => `${privilege}${columns}`)
        .sort()
        .join(', ')
      changes.push({ grant: true, privileges, grantable, on, name, grantee })
    }
  }
  return changes
}

function changeText(changes: readonly Change[], names: Names): string {
  const { grant, privileges, grantable, on, grantee } = changes[0] as Change
  const role = granteeText(grantee, names)
  if (role === undefined) return ''
  const objects = changes.map(({ name }) => name ?? names.schema).join(', ')
  return grant
    ? `GRANT ${privileges} ON ${on} ${objects} TO ${role}${grantable ? ' WITH GRANT OPTION' : ''}`
    : `REVOKE ${privileges} ON ${on} ${objects} FROM ${role}`
}

/** Undefined for the tenant's role where there is none. */
export function granteeText(grantee: Grantee, { role }: Names): string | undefined {
  switch (grantee) {
    case 'owner':
      return 'CURRENT_USER'
    case 'public':
      return 'PUBLIC'
    case 'tenant':
      return role
    default:
      return quoteIdentifier(grantee.slice('role '.length))
  }
}

/** `SELECT, UPDATE WITH GRANT OPTION`, or `nothing`. */
export function accessText(list: AccessList, grantee: Grantee): string {
  const privileges = [...(list.get(grantee) ?? [])]
  const texts = privileges.map(([privilege, grantable]) => `${privilege}${grantable ? ' WITH GRANT OPTION' : ''}`)
  return texts.length === 0 ? 'nothing' : texts.sort().join(', ')
}
