/** How processes hear of a change. `none`: by nothing at all, with whatever Redis still has. */
export type Way = 'redis' | 'postgres' | 'none'

/** What a process is told first. */
export interface Opening {
  readonly kind: 'open'
  readonly registry: string
  readonly redis: string
  readonly way: Way
}

/** Asks it to serve these hosts over and over, and to say when each is refused. */
export interface Serve {
  readonly kind: 'serve'
  readonly hosts: readonly string[]
}

export type Word =
  | { readonly kind: 'open' }
  /** All were served. */
  | { readonly kind: 'serving' }
  /** Milliseconds since 1970, by the machine's clock. */
  | { readonly kind: 'refused'; readonly host: string; readonly at: number; readonly code: string }
  /** It was served again behind a refusal. */
  | { readonly kind: 'relapse'; readonly host: string }
