/**
 * The texts in a claim: itself, or those of a list. Whatever else stands there is none.
 *
 * @param claim - the name of a member of the token; what begins with `/` is a JSON Pointer (RFC 6901), such as
 * `/realm_access/roles`. A pointer leads through objects only.
 */
export function valuesOf(claims: Readonly<Record<string, unknown>>, claim: string): readonly string[] {
  const names = claim.startsWith('/') ? claim.slice(1).split('/').map(unescaped) : [claim]
  let value: unknown = claims
  for (const name of names) {
    if (typeof value !== 'object' || value === null || Array.isArray(value) || !Object.hasOwn(value, name)) return []
    value = (value as Readonly<Record<string, unknown>>)[name]
  }
  const all: readonly unknown[] = Array.isArray(value) ? value : [value]
  return [...new Set(all.filter(each => typeof each === 'string'))]
}

/** Whether it is the name of a claim, or leads to one. */
export function isClaim(claim: unknown): claim is string {
  return (
    typeof claim === 'string' && claim !== '' && claim !== '/' && !/~(?![01])/.test(claim.startsWith('/') ? claim : '')
  )
}

function unescaped(name: string): string {
  return name.replaceAll('~1', '/').replaceAll('~0', '~')
}
