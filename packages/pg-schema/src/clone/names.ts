/** The two names in which one clone differs from another, as SQL wants them. */
export interface Names {
  readonly schema: string
  /** The tenant's role; undefined where nothing is granted to one. */
  readonly role: string | undefined
}

/** SQL in which the names of the clone may stand. Everything else in it is said without a schema. */
export type Text = string | ((names: Names) => string)

/** The text for one clone. */
export function write(text: Text, names: Names): string {
  return typeof text === 'string' ? text : text(names)
}

/** Words with a space between, without the empty ones. */
export function words(...parts: readonly (string | false | null | undefined)[]): string {
  return parts.filter(Boolean).join(' ')
}
