import { TenancyError } from '@tenantry/core'
import type pg from 'pg'
import { canPipeline, pipeline, wireOf } from '../wire/pg-internals.ts'
import type { Place } from '../wire/place.ts'
import type { Session } from '../wire/session.ts'
import { shortReads } from './short-reads.ts'

/** How short reads share connections. */
export interface SharedReadsOptions {
  /** Connections that are taken before any is shared, and so what short reads mostly get along with. Default 4, at most half of the pool. */
  readonly connections?: number
  /** Statements that are on their way on one connection at the same time. Default 4. */
  readonly depth?: number
  /**
   * Milliseconds that a read takes at most to count as short, the way to the server included, and that it may have been on its way
   * for others to be put behind it. Default 5.
   */
  readonly short?: number
}

/** What sharing needs to know of the pool. */
export interface SharedReadsTerms {
  readonly pool: pg.Pool
  readonly options: SharedReadsOptions
  /** Gives a connection of one's own. */
  readonly own: (given: (place: Place) => void, refused: (error: unknown) => void) => void
  /** Whether a connection is as a statement needs it, but for what is on its way on it. */
  readonly isGood: (session: Session) => boolean
}

/** A connection that statements share. */
interface Shared {
  /** The connection, as it was given to all of them. */
  readonly place: Place
  /** Statements that are on it now, and that it has carried since it was given. */
  statements: number
  carried: number
  /** When the server got to the oldest of them, on the clock of `performance.now()`. */
  since: number
  corked: boolean
}

interface Waiter {
  readonly text: string
  /** In the order in which they came. */
  readonly number: number
  readonly give: (place: Place) => void
  readonly refuse: (error: unknown) => void
}

/** Statements after which a connection goes through its pool in any case, which knows how old it may become. */
const carriedAtMost = 1_000

/**
 * Places for reads, of which those that were seen to be short share connections: they are written one behind the other without waiting
 * for answers. Each has a Sync, and so a transaction and a tenant, of its own (protocol flow, section "Pipelining"), and what one does
 * or suffers ends there; all that it can do to those behind it is to keep them waiting.
 *
 * Connections of one's own go first: nobody joins while somebody waits for one, and what is shared is given back when it is free.
 *
 * @throws {TenancyError} `ARGUMENT_INVALID`
 */
export function sharedReads({ pool, options, own, isGood }: SharedReadsTerms): (text: string) => Promise<Place> {
  const { connections, depth, short } = checked(options, pool.options.max)
  const reads = shortReads(short)
  const lent = new Set<Shared>()
  const waiting = new Set<Waiter>()
  let arrived = 0
  /** Connections that the pool was asked for and has not given yet. */
  let asked = 0

  /** Whether somebody waits for a connection of their own. */
  function isWanted(): boolean {
    return pool.waitingCount > asked || pool.ending
  }

  function canCarry({ carried, place }: Shared): boolean {
    return carried < carriedAtMost && canPipeline(place.client) && isGood(place.session)
  }

  /** The one with the fewest statements on it, none of which has been there for long. */
  function leastBusy(now: number): Shared | undefined {
    let found: Shared | undefined
    for (const shared of lent) {
      const fewer = shared.statements < (found?.statements ?? depth)
      if (fewer && now - shared.since < short && canCarry(shared)) found = shared
    }
    return found
  }

  function placeOn(shared: Shared, text: string, now: number): Place {
    const { client, session } = shared.place
    if (shared.statements === 0) {
      shared.since = now
    } else {
      pipeline(client, true)
      cork(shared)
    }
    shared.statements += 1
    shared.carried += 1
    function leave(): void {
      const end = performance.now()
      reads.took(text, session.tainted === undefined ? end - Math.max(now, shared.since) : Infinity)
      session.othersSequences = true
      shared.statements -= 1
      shared.since = end
      if (waiting.size > 0 && !isWanted() && canCarry(shared)) fill(shared, end)
      if (shared.statements === 0) giveBack(shared)
    }
    return { client, session, leave }
  }

  function giveBack(shared: Shared): void {
    lent.delete(shared)
    pipeline(shared.place.client, false)
    shared.place.leave()
  }

  /** Puts those who wait longest on a connection, up to so many on it. */
  function fill(shared: Shared, now: number, room = depth): void {
    for (const waiter of waiting) {
      if (shared.statements >= room) return
      waiting.delete(waiter)
      waiter.give(placeOn(shared, waiter.text, now))
    }
  }

  /** A place as soon as there is one: on a connection that is shared, or on one that the pool gives. */
  function wait(text: string): Promise<Place> {
    return new Promise((resolve, reject) => {
      arrived += 1
      waiting.add({ text, number: arrived, give: resolve, refuse: reject })
      askForEnough()
    })
  }

  /** As long as somebody waits the pool is asked, so that they get their turn among those who want connections of their own. */
  function askForEnough(): void {
    while (asked * (lent.size + asked < connections ? 1 : depth) < waiting.size) ask()
  }

  function ask(): void {
    const last = arrived
    asked += 1
    own(
      place => {
        asked -= 1
        if (waiting.size === 0) {
          place.leave()
          return
        }
        const shared = { place, statements: 0, carried: 0, since: 0, corked: false }
        lent.add(shared)
        // The connections to come get theirs.
        const room = canCarry(shared) ? Math.min(depth, Math.max(1, waiting.size - asked)) : 1
        fill(shared, performance.now(), room)
        askForEnough()
      },
      error => {
        asked -= 1
        // Who came later has not waited as long as the pool lets them; for those the pool is asked again.
        for (const waiter of waiting) {
          if (waiter.number > last || asked * depth >= waiting.size) break
          waiting.delete(waiter)
          waiter.refuse(error)
        }
        askForEnough()
      },
    )
  }

  /** Also how it is learned what is short. */
  function alone(text: string): Promise<Place> {
    return new Promise((resolve, reject) => {
      own(({ client, session, leave }) => {
        const start = performance.now()
        function timed(): void {
          reads.took(text, session.tainted === undefined ? performance.now() - start : Infinity)
          leave()
        }
        resolve({ client, session, leave: timed })
      }, reject)
    })
  }

  return text => {
    if (!reads.has(text)) return alone(text)
    if (lent.size + asked >= connections && !isWanted()) {
      const now = performance.now()
      const shared = leastBusy(now)
      if (shared !== undefined) return Promise.resolve(placeOn(shared, text, now))
    }
    return wait(text)
  }
}

/** What is written in one turn of the event loop goes out as one. */
function cork(shared: Shared): void {
  const stream = wireOf(shared.place.client)?.stream
  if (shared.corked || stream === undefined) return
  shared.corked = true
  stream.cork()
  process.nextTick(() => {
    shared.corked = false
    stream.uncork()
  })
}

function checked(options: SharedReadsOptions, max: number): Required<SharedReadsOptions> {
  const { connections = Math.max(1, Math.min(4, Math.floor(max / 2))), depth = 4, short = 5 } = options
  for (const [name, value] of Object.entries({ connections, depth, short })) {
    if (Number.isInteger(value) && value > 0) continue
    throw new TenancyError('ARGUMENT_INVALID', { field: `sharedReads.${name}`, rule: 'must be a whole number above 0' })
  }
  return { connections, depth, short }
}
