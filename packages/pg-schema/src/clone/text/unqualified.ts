/**
 * A definition that the server has printed with the schema before one table's name, without it. The text up to that name is known,
 * so that nothing is looked for: what does not begin with it is refused.
 */
export function unqualified(
  definition: string,
  { head, schema, table }: { readonly head: string; readonly schema: string; readonly table: string },
): string {
  const known = `${head}${schema}.${table}`
  if (!definition.startsWith(known)) {
    throw new Error(`The server prints a definition in a form that is not known: ${definition}`)
  }
  return `${head}${table}${definition.slice(known.length)}`
}
