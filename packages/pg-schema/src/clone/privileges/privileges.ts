import type { Oid } from '../catalog/facts.ts'
import type { Lookup } from '../lookup.ts'
import { calledBy } from '../text/function-text.ts'
import { type AccessList, joined, readAccessList } from './access-list.ts'

/** An object and who may do what with it. */
export interface Privileges {
  /** As GRANT has it: `TABLE`, `SEQUENCE`, `ROUTINE`, `TYPE`, `SCHEMA`. */
  readonly on: string
  /** Undefined for the schema itself. */
  readonly name: string | undefined
  readonly column?: string
  readonly rights: Rights
}

/** What many objects have in common, and then it is one and the same. */
export interface Rights {
  readonly list: AccessList
  /** What a new object of the kind has. */
  readonly initial: AccessList
  /** What owner and PUBLIC have where no default privileges were changed. */
  readonly builtIn: AccessList
  /** Others than the owner who granted something. */
  readonly grantors: readonly string[]
}

/**
 * What a tenant's role gets where the template says nothing of it, by the letter of `pg_default_acl`: it may use everything, and
 * change no structure.
 */
export const standard: Readonly<Record<string, readonly string[]>> = {
  r: ['SELECT', 'INSERT', 'UPDATE', 'DELETE'],
  S: ['USAGE', 'SELECT'],
  f: ['EXECUTE'],
  n: ['USAGE'],
}

/** The kinds of `pg_default_acl`: their names in `GRANT` and in `ALTER DEFAULT PRIVILEGES`, and their letter for `acldefault`. */
export const objectTypes: Readonly<
  Record<string, { readonly on: string; readonly all: string; readonly letter: string }>
> = {
  r: { on: 'TABLE', all: 'TABLES', letter: 'r' },
  S: { on: 'SEQUENCE', all: 'SEQUENCES', letter: 's' },
  f: { on: 'ROUTINE', all: 'FUNCTIONS', letter: 'f' },
  T: { on: 'TYPE', all: 'TYPES', letter: 'T' },
  n: { on: 'SCHEMA', all: 'SCHEMAS', letter: 'n' },
}

/** Which privileges are looked at. */
export interface PrivilegeTerms {
  /** The schema's own tenant role. */
  readonly tenant: string | undefined
  /** Whether its privileges are the standard ones instead of those that the schema grants it. */
  readonly standard: boolean
}

interface Granted {
  readonly owner: string
  readonly acl: readonly string[] | null
}

/** The privileges of every object that may have some. */
export function privilegesOf(lookup: Lookup, terms: PrivilegeTerms): readonly Privileges[] {
  const { schema, relations, functions, types, columns } = lookup.catalog
  const rights = rightsReader(lookup, terms)
  const owners = new Map<Oid, string>(relations.map(({ oid, owner }) => [oid, owner]))
  return [
    { on: 'SCHEMA', name: undefined, rights: rights('n', schema) },
    ...relations
      .filter(({ kind }) => kind !== 'c')
      .map(item => {
        const type = item.kind === 'S' ? 'S' : 'r'
        return { on: objectTypes[type]?.on ?? '', name: item.name, rights: rights(type, item) }
      }),
    ...functions
      // Those of a range type belong to the server, and everybody may call them.
      .filter(({ ofRange }) => !ofRange)
      .map(item => ({ on: 'ROUTINE', name: calledBy(item), rights: rights('f', item) })),
    ...types.map(item => ({ on: 'TYPE', name: item.name, rights: rights('T', item) })),
    ...columns
      .filter(({ acl }) => acl !== null)
      .map(column => {
        const { name } = lookup.relation(column.relation)
        const owner = owners.get(column.relation) ?? ''
        return { on: 'TABLE', name, column: column.name, rights: rights('column', { owner, acl: column.acl }) }
      }),
  ]
}

/** Reads each access list once: most objects of a schema have the same. */
function rightsReader({ catalog }: Lookup, terms: PrivilegeTerms): (type: string, object: Granted) => Rights {
  const known = new Map<string, Rights>()

  function read(type: string, { owner, acl }: Granted): Rights {
    // The defaults are told of the schema's owner, who stands for any.
    const { schema, defaultAcls } = catalog
    const builtIn = readAccessList(schema.defaultAcls[objectTypes[type]?.letter ?? ''] ?? [], {
      owner: schema.owner,
    }).list
    const { list, grantors } =
      acl === null ? { list: builtIn, grantors: [] } : readAccessList(acl, { owner, tenant: terms.tenant })
    const global = defaultAcls.find(item => item.global && item.type === type)
    const first = global === undefined ? builtIn : readAccessList(global.acl, { owner: global.role }).list
    const given = standardList(terms, type)
    // A schema is there before anything is granted by default in it.
    const initial = type === 'n' ? first : joined(first, given)
    return { list: joined(list, given), initial, builtIn, grantors }
  }

  return (type, object) => {
    const key = JSON.stringify([type, object.owner, object.acl])
    const rights = known.get(key) ?? read(type, object)
    known.set(key, rights)
    return rights
  }
}

function standardList(terms: PrivilegeTerms, type: string): AccessList {
  const privileges = terms.standard ? standard[type] : undefined
  return privileges === undefined ? new Map() : new Map([['tenant', new Map(privileges.map(name => [name, false]))]])
}
