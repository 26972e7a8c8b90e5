import { TenancyError } from '@tenantry/core'
import type pg from 'pg'

/** What is seen of a `pg.Pool` through its events; one for all who scope it. */
export interface PoolWatch {
  /** Those who wait for a connection. One that is refused has left the set. */
  readonly waiting: Set<() => void>
  /** Refuses all who wait: a pool that ends forgets them, and they would wait for ever. */
  refuseWaiting(): void
  /** Whether nobody has had this connection yet but the listeners of the pool's `connect` event. */
  isNew(client: pg.ClientBase): boolean
}

const watches = new WeakMap<pg.Pool, PoolWatch>()

/** The watch of a pool; made at its first use. */
export function watchOf(pool: pg.Pool): PoolWatch {
  const known = watches.get(pool)
  if (known !== undefined) return known
  const waiting = new Set<() => void>()
  const fresh = new WeakSet<pg.ClientBase>()
  const watch: PoolWatch = {
    waiting,
    refuseWaiting() {
      for (const refuse of waiting) refuse()
    },
    isNew: client => fresh.has(client),
  }
  watches.set(pool, watch)
  // A lost idle connection is an `error` event of the pool, which ends the process when nobody listens. The pool drops it.
  pool.on('error', ignore)
  function welcome(client: pg.ClientBase): void {
    fresh.add(client)
    // From when a connection is there until whoever asked for it comes round to listen, its loss would end the process too:
    // the server may say in one packet that it is ready, and that it goes down. Everybody else hears of it all the same.
    client.on('error', ignore)
  }
  ours.add(welcome)
  pool.on('connect', welcome)
  pool.on('release', (_error, client) => {
    fresh.delete(client)
    if (pool.ending) watch.refuseWaiting()
  })
  pool.on('remove', () => {
    if (pool.ending) watch.refuseWaiting()
  })
  return watch
}

const ours = new WeakSet<object>()

/** Whether new connections of a pool are set up by statements, which a reset would undo. */
export function isSetUpByHooks(pool: pg.Pool): boolean {
  return 'onConnect' in pool.options || pool.listeners('connect').some(listener => !ours.has(listener))
}

function ignore(): void {
  // Whoever uses the connection is told by what they wait for.
}

/** A connection that is checked out of its pool, and the only way to give it back. */
export interface Taken {
  readonly client: pg.PoolClient
  /** Gives it back, or destroys it. */
  readonly release: (destroy: boolean) => void
}

/**
 * Checks a connection out, and calls back at once when there is one, in the context of whoever has given it back.
 *
 * @param refused - called with the error of the pool, or with `SCOPE_CLOSED` when it ends in the meantime.
 */
export function checkOut(pool: pg.Pool, given: (taken: Taken) => void, refused: (error: unknown) => void): void {
  const watch = watchOf(pool)
  function refuse(): void {
    watch.waiting.delete(refuse)
    refused(new TenancyError('SCOPE_CLOSED', { what: 'The pg.Pool' }))
  }
  watch.waiting.add(refuse)
  function called(error: Error | undefined, client: pg.PoolClient | undefined): void {
    if (!watch.waiting.delete(refuse)) {
      client?.release()
      return
    }
    if (client !== undefined) given(takenFrom(client))
    else {
      refused(error)
      // No connection comes or goes, of which there would be an event.
      if (pool.ending) watch.refuseWaiting()
    }
  }
  try {
    pool.connect(called)
  } catch (thrown) {
    // Of the making of a client: a certificate that cannot be read, a class of the caller's own.
    if (watch.waiting.delete(refuse)) refused(thrown)
  }
}

/** The host may hold the client from an earlier turn. If it released it twice, two tenants would share the connection. */
function takenFrom(client: pg.PoolClient): Taken {
  const release = client.release
  client.release = () => {
    throw new Error('Release called on client which has already been released to the pool.')
  }
  return { client, release: destroy => release.call(client, destroy) }
}
