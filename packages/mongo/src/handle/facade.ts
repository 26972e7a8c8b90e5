import { refuse } from '../fence/refuse.ts'

// Asked by the language and by tools that print or compare: absent here, and no mistake of anybody.
const asked = new Set([
  'then',
  'toJSON',
  'constructor',
  'asymmetricMatch',
  'nodeType',
  'tagName',
  '$$typeof',
  'toString',
  'valueOf',
  'inspect',
])

/**
 * An object that has these members and nothing else: there is no driver's object behind it to be reached. Other members are refused by
 * name, whether they are read or set.
 *
 * @param name - for errors, such as `Collection`.
 * @param members - own fields of it; accessors are asked each time.
 */
export function facade<T extends object>(
  name: string,
  members: object,
  advice: Readonly<Record<string, string>> = {},
): T {
  const target = Object.freeze(Object.create(null, Object.getOwnPropertyDescriptors(members)))
  const refuseMember = (key: string | symbol): never =>
    refuse(
      `${name}.${String(key)}`,
      'it is not one that is known to stay in the database',
      advice[String(key)] ?? 'Use another way.',
    )
  return new Proxy(target, {
    get(own, key) {
      if (key in own) return Reflect.get(own, key)
      if (typeof key === 'symbol' || asked.has(key)) return undefined
      return refuseMember(key)
    },
    set: (_, key) => refuseMember(key),
    defineProperty: (_, key) => refuseMember(key),
    deleteProperty: (_, key) => refuseMember(key),
  }) as T
}
