import type { Argument } from './key-spec.ts'
import type { Names } from './names.ts'
import type { ReadReply } from './replies.ts'

/** With what a command is put into a tenant's key space. */
export interface RuleContext {
  readonly names: Names
  /** In small letters; of a container with its second word: `object encoding`. */
  readonly command: string
  /** @throws {TenancyError} `STATEMENT_REFUSED` unless the script keeps to its declared keys. Gives its SHA-1. */
  checkScript(lua: string): string
  /** Whether a script of this SHA-1 has been checked. */
  isChecked(sha: string): boolean
  /** Functions for which the application vouches. */
  readonly functions: ReadonlySet<string>
  /** The connection, where it is the tenant's own: its number of database and its login. */
  readonly own?: { readonly db: number; readonly username: string | undefined; readonly password: string | undefined }
}

/** What is done to one kind of command before it is sent. */
export interface CommandRule {
  /**
   * Replaces what must be replaced in the arguments, and says how the answer is read, if not as it is.
   *
   * @throws {TenancyError} `STATEMENT_REFUSED`
   */
  rewrite(args: Argument[], context: RuleContext): ReadReply | undefined
  /** Changes its connection, so that it is refused on one that tenants share. */
  readonly needsOwn?: boolean
}
