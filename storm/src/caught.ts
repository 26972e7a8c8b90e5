/** `leak`: something of another tenant was seen or touched. `wrong`: an answer that must not be, such as a row that is missing. */
export type CaughtKind = 'leak' | 'wrong'

/** What the storm exists to find. */
export class Caught extends Error {
  readonly kind: CaughtKind

  constructor(kind: CaughtKind, problem: string) {
    super(problem)
    this.name = 'Caught'
    this.kind = kind
  }
}
