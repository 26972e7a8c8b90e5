/**
 * Who may do what with an object: by grantee, each privilege and whether it may be passed on. The schema's own tenant role is told
 * from other roles here, so that two tenants' lists are the same.
 */
export type AccessList = ReadonlyMap<Grantee, ReadonlyMap<string, boolean>>

/** `role …` has the role's name, without quotes. */
export type Grantee = 'owner' | 'public' | 'tenant' | `role ${string}`

/** Whose names have a meaning of their own. */
export interface Actors {
  readonly owner: string
  /** The schema's own tenant role. */
  readonly tenant?: string | undefined
}

/** The letters of `aclitem` (PostgreSQL, "Privileges", table 5.1). */
const letters: Readonly<Record<string, string>> = {
  ...{
    r: 'SELECT',
    a: 'INSERT',
    w: 'UPDATE',
    d: 'DELETE',
    D: 'TRUNCATE',
    x: 'REFERENCES',
    t: 'TRIGGER',
    m: 'MAINTAIN',
  },
  ...{ U: 'USAGE', C: 'CREATE', X: 'EXECUTE' },
}

/** Reads `{reader=r*w/owner, …}`. Those who are not the owner and granted something are told of apart. */
export function readAccessList(
  items: readonly string[],
  { owner, tenant }: Actors,
): { readonly list: AccessList; readonly grantors: readonly string[] } {
  const list = new Map<Grantee, Map<string, boolean>>()
  const grantors = new Set<string>()
  for (const item of items) {
    const [role, rest] = takeName(item)
    const slash = rest.indexOf('/')
    const grantee =
      role === '' ? 'public' : role === owner ? 'owner' : role === tenant ? 'tenant' : (`role ${role}` as const)
    const [grantor] = takeName(rest.slice(slash + 1))
    if (grantor !== owner) grantors.add(grantor)
    const privileges = list.get(grantee) ?? new Map<string, boolean>()
    list.set(grantee, privileges)
    for (const [, letter = '', star] of rest.slice(1, slash).matchAll(/(\w)(\*?)/g)) {
      const privilege = letters[letter] ?? letter
      privileges.set(privilege, privileges.get(privilege) === true || star === '*')
    }
  }
  return { list, grantors: [...grantors] }
}

/** A role's name, which is in quotes unless it is letters, digits and underscores only; and what follows. */
function takeName(text: string): readonly [string, string] {
  const quoted = /^"((?:[^"]|"")*)"/.exec(text)
  if (quoted !== null) return [(quoted[1] ?? '').replaceAll('""', '"'), text.slice(quoted[0].length)]
  const plain = /^[^=/]*/.exec(text)?.[0] ?? ''
  return [plain, text.slice(plain.length)]
}

/** Two lists as one. */
export function joined(list: AccessList, more: AccessList): AccessList {
  const result = new Map(list)
  for (const [grantee, privileges] of more) {
    const merged = new Map(result.get(grantee) ?? [])
    for (const [privilege, grantable] of privileges) merged.set(privilege, merged.get(privilege) === true || grantable)
    result.set(grantee, merged)
  }
  return result
}
