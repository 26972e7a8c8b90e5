import type { CachePlace } from './open-cache.ts'

/** What a process is told. */
export type Order =
  | ({ readonly kind: 'open'; readonly drain: number } & CachePlace)
  /** Serve this tenant, without a pause, until it is refused. */
  | { readonly kind: 'serve'; readonly tenant: string }
  | { readonly kind: 'end' }

/** What it says. */
export type Word =
  | { readonly kind: 'open' }
  | { readonly kind: 'serving'; readonly tenant: string }
  | Refusal
  | { readonly kind: 'problem'; readonly problem: string }

/** How serving a tenant ended. Times in milliseconds since 1970, finer than that. */
export interface Refusal {
  readonly kind: 'refused'
  readonly tenant: string
  readonly code: string
  /** When the last request was let in. */
  readonly lastRequest: number
  /** When work that had begun before used its tenant for the last time. */
  readonly lastWork: number
}

/** The clock that processes of one machine have in common. */
export function clock(): number {
  return performance.timeOrigin + performance.now()
}
