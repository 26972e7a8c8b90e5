import { isTenancyError, TenancyError } from '@tenantry/core'
import type pg from 'pg'
import { cancelStatement } from '../wire/cancel-statement.ts'
import { canPipeline, pipeline, wireOf } from '../wire/pg-internals.ts'
import type { Place } from '../wire/place.ts'
import type { Session } from '../wire/session.ts'
import { type SharedReadsOptions, sharingTerms } from './shared-reads-options.ts'
import { shortReads } from './short-reads.ts'

/** What sharing needs to know of the pool. */
export interface SharedReadsTerms {
  readonly pool: pg.Pool
  readonly options: SharedReadsOptions
  /** Gives a connection of one's own. */
  readonly own: (given: (place: Place) => void, refused: (error: unknown) => void) => void
  /** Whether a connection is as a statement needs it, but for what is on its way on it. */
  readonly isGood: (session: Session) => boolean
  /** Whether a lease waits. */
  readonly isLeaseWanted: () => boolean
}

/** A connection that statements share. */
interface Shared {
  /** The connection, as it was given to all of them. */
  readonly place: Place
  /** Statements that are on it now, and that it has carried since it was given. */
  statements: number
  carried: number
  /** Milliseconds that those on it are likely to take. */
  load: number
  /** When the server got to the oldest of them, on the clock of `performance.now()`. */
  since: number
  corked: boolean
  /** Whether the server was asked to cancel what it does. */
  cancelled: boolean
}

interface Waiter {
  readonly text: string
  /** In the order in which they came. */
  readonly number: number
  readonly give: (place: Place) => void
  readonly refuse: (error: unknown) => void
}

/** Statements after which a connection goes through its pool in any case, which knows how old it may become. */
const carriedAtMost = 200

/** Of `short`, after which a statement gives way. */
const patience = 50

/**
 * Places for reads, of which those that were seen to be short share connections: they are written one behind the other without waiting
 * for answers. Each has a Sync, and so a transaction and a tenant, of its own (protocol flow, section "Pipelining"), and what one does
 * or suffers ends there; all that it can do to those behind it is to keep them waiting, and not for long.
 *
 * Connections of one's own go first: nobody joins while somebody waits for one, and what is shared is given back when it is free.
 *
 * @throws {TenancyError} `ARGUMENT_INVALID`
 */
export function sharedReads(terms: SharedReadsTerms): (text: string) => Promise<Place> {
  const { pool, options, own, isGood, isLeaseWanted } = terms
  const { connections, depth, short } = sharingTerms(options, pool.options.max)
  const reads = shortReads(4 * short)
  const lent = new Set<Shared>()
  const waiting = new Set<Waiter>()
  let arrived = 0
  /** Connections that the pool was asked for and has not given yet. */
  let asked = 0
  let watching = false

  /** Whether somebody waits for a connection of their own. */
  function isWanted(): boolean {
    return pool.waitingCount > asked || pool.ending || isLeaseWanted()
  }

  function canCarry({ carried, place, cancelled }: Shared): boolean {
    return carried < carriedAtMost && !cancelled && canPipeline(place.client) && isGood(place.session)
  }

  /** The one with the fewest statements on it, none of which takes long. */
  function leastBusy(now: number): Shared | undefined {
    let found: Shared | undefined
    for (const shared of lent) {
      if (shared.statements >= (found?.statements ?? depth)) continue
      if (shared.load < short && now - shared.since < short && canCarry(shared)) found = shared
    }
    return found
  }

  function placeOn(shared: Shared, text: string, now: number): Place {
    const { client, session } = shared.place
    const { carries } = session
    const likely = reads.timeOf(text) ?? 0
    if (shared.statements === 0) {
      shared.since = now
    } else {
      cork(shared)
      watch()
    }
    shared.statements += 1
    shared.carried += 1
    shared.load += likely
    function leave(answered?: boolean): void {
      const end = performance.now()
      const changed = session.carries && !carries
      learn(text, { changed, answered: answered === true || shared.cancelled, took: end - Math.max(now, shared.since) })
      session.othersSequences = true
      shared.statements -= 1
      shared.load -= likely
      shared.since = end
      if (waiting.size > 0 && !isWanted() && canCarry(shared)) fill(shared, end)
      if (shared.statements === 0) giveBack(shared)
    }
    return { client, session, leave, gaveWay: error => shared.cancelled && codeOf(error) === '57014' }
  }

  /** What failed may have failed fast. What has changed the session, as the server says, must not do so to those behind it. */
  function learn(text: string, run: { changed: boolean; answered: boolean; took: number }): void {
    if (run.changed) reads.took(text, Infinity)
    else if (run.answered) reads.took(text, run.took)
  }

  function lend(place: Place): Shared {
    const { client } = place
    // From the first statement on: `pg` takes another way with one that is refused before it is written.
    if (canPipeline(client)) pipeline(client, true)
    const none = { statements: 0, carried: 0, load: 0, since: 0 }
    const shared = { place, ...none, corked: false, cancelled: false }
    lent.add(shared)
    return shared
  }

  function giveBack(shared: Shared): void {
    lent.delete(shared)
    const { client } = shared.place
    if (canPipeline(client)) pipeline(client, false)
    shared.place.leave()
  }

  /** Puts those who wait longest on a connection, up to so many on it. */
  function fill(shared: Shared, now: number, room = depth): void {
    for (const waiter of waiting) {
      if (shared.statements >= room || (shared.statements > 0 && shared.load >= short)) return
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
        const shared = lend(place)
        // The connections to come get theirs.
        const room = canCarry(shared) ? Math.min(depth, Math.max(1, waiting.size - asked)) : 1
        fill(shared, performance.now(), room)
        askForEnough()
      },
      error => {
        asked -= 1
        refuse(error, last)
        askForEnough()
      },
    )
  }

  /** Those whom nobody else will serve. Who came later has not waited as long as the pool lets them; for those it is asked again. */
  function refuse(error: unknown, last: number): void {
    let left = Math.max(1, waiting.size - asked)
    for (const waiter of waiting) {
      if (waiter.number > last || left === 0) return
      left -= 1
      waiting.delete(waiter)
      waiter.refuse(ofOnesOwn(error))
    }
  }

  /** Also how it is learned what is short. */
  function alone(text: string): Promise<Place> {
    return new Promise((resolve, reject) => {
      own(({ client, session, leave }) => {
        const start = performance.now()
        const { carries } = session
        function timed(answered?: boolean): void {
          const changed = session.carries && !carries
          learn(text, { changed, answered: answered === true, took: performance.now() - start })
          leave()
        }
        resolve({ client, session, leave: timed })
      }, reject)
    })
  }

  function watch(): void {
    if (watching) return
    watching = true
    // After a look at the network, or what this process is late in reading would be taken for late.
    setTimeout(() => setImmediate(look), Math.min(patience * short, 60_000)).unref()
  }

  /**
   * Whoever waits for a lock may wait for somebody who waits for a statement behind it, which no server can see. So the one in front
   * gives way. It was a transaction of its own, of which nothing is left, so that it can be run again.
   */
  function look(): void {
    watching = false
    const now = performance.now()
    for (const shared of lent) {
      if (shared.statements < 2) continue
      watch()
      if (now - shared.since < patience * short || shared.cancelled) continue
      shared.cancelled = true
      // The request may arrive when the server has come to the next one, or to nobody: the connection is closed after these.
      shared.place.session.disposable = true
      void cancelStatement(shared.place.client)
    }
  }

  return text => {
    const time = reads.timeOf(text)
    if (time === undefined || time >= short) return alone(text)
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
  if (shared.corked || stream?.cork === undefined) return
  shared.corked = true
  stream.cork()
  process.nextTick(() => {
    shared.corked = false
    stream.uncork?.()
  })
}

/** An error that nobody else has, to whom the next one who looks at it could tell something of its owner. */
function ofOnesOwn(error: unknown): unknown {
  if (!isTenancyError(error)) return error
  return new TenancyError(error.code, error.details as never, { cause: error.cause })
}

function codeOf(error: unknown): unknown {
  return (error as { readonly code?: unknown }).code
}
