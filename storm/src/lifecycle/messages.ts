/** What a process of the storm is told. */
export interface Orders {
  readonly registry: string
  readonly things: string
  readonly process: number
  readonly sequences: number
  readonly seed: number
  /** Tenants that all processes work on. */
  readonly shared: readonly string[]
}

/** What it says. */
export type Word =
  | { readonly kind: 'progress'; readonly done: number }
  | { readonly kind: 'problem'; readonly sequence: number; readonly problem: string }
  | { readonly kind: 'end'; readonly tally: Tally }

/** What a process has done. */
export interface Tally {
  readonly operations: number
  readonly refusals: number
  /** Behind which somebody else was faster. */
  readonly conflicts: number
  /** How often each shared tenant was counted up, by this process's own count. */
  readonly counted: Readonly<Record<string, number>>
}
