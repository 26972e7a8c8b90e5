import { type Names, type Text, write } from '../names.ts'

/** One thing of a schema, told without the schema's name: `{schema}` and `{role}` stand for it and for its tenant's role. */
export interface StructureEntry {
  /** Such as `table`, `column`, `foreign key`, `privileges`. */
  readonly kind: string
  /** Unique among those of its kind: `notes`, `notes.body`. */
  readonly name: string
  /** All that makes it what it is, for people to read and to be compared. */
  readonly definition: string
  /** Of a table: its columns in order, of which those that two tables have in common are compared. */
  readonly columns?: readonly string[]
}

/** What stands for the names in which two schemas differ. */
export const anyNames: Names = { schema: '{schema}', role: '{role}' }

export function entry(kind: string, name: string, definition: Text): StructureEntry {
  return { kind, name, definition: write(definition, anyNames) }
}

/** Lines, without the empty ones. */
export function lines(...parts: readonly (string | false | null | undefined)[]): string {
  return parts.filter(Boolean).join('\n')
}

/** Said of what an ancestor has brought. */
export function inherited({ isLocal }: { readonly isLocal: boolean }): string {
  return isLocal ? '' : 'INHERITED'
}
