/**
 * Whether an object in this JSON text has two members of one name, which `JSON.parse` hides by taking the last: two readers of
 * such a text may see two different things (RFC 8259, section 4).
 *
 * @param json - text that `JSON.parse` has taken.
 * @example
 * hasDuplicateMembers('{ "tenant": "a", "ten\\u0061nt": "b" }') // true
 */
export function hasDuplicateMembers(json: string): boolean {
  const open: Set<string>[] = []
  // In valid JSON a text before a colon is a name, and belongs to the innermost object that is open.
  for (const [token, colon] of json.matchAll(/"(?:[^"\\]|\\.)*"(\s*:)?|[{}]/g)) {
    if (token === '{') open.push(new Set())
    else if (token === '}') open.pop()
    else if (colon !== undefined) {
      const name: string = JSON.parse(token.slice(0, token.length - colon.length))
      const names = open.at(-1)
      if (names?.has(name) === true) return true
      names?.add(name)
    }
  }
  return false
}
