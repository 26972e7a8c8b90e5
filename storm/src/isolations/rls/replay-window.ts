import type { Route } from '../../isolation-kind.ts'
import type { CapturedToken } from './captured-tokens.ts'
import type { SealChoice } from './seal-choice.ts'

/** Milliseconds for which a stamp holds at most: its window, with room for our own clock. */
const window = 6_000

/**
 * What `stamp` leaves open and says so: a captured stamp may be replayed for some seconds on the backend that it was made for, and
 * behind a pooler, where backends change, on all of them. `challenge` leaves nothing open.
 */
export function isOpenReplay(
  { seal, route }: { readonly seal: SealChoice; readonly route: Route },
  { at, pid }: CapturedToken,
  here: number,
): boolean {
  return seal === 'stamp' && performance.now() - at < window && (route === 'pgbouncer' || pid === here)
}
