import { TenancyError } from './errors.ts'
import type { Logger } from './logger.ts'
import type { Tenant } from './tenant.ts'
import { checkWholeNumbers } from './whole-numbers.ts'

/** Options of {@link tenantClients}. */
export interface TenantClientsOptions<Client> {
  /** What the clients are for, such as `mongo`; stands in logs and errors. */
  readonly name: string
  /** Opens a tenant's client: called once for all that ask at the same time; one that failed is asked for again. */
  readonly open: (tenant: Tenant) => Promise<Client>
  /** Closes a client that nobody uses any more. */
  readonly close: (client: Client) => Promise<void>
  /**
   * What tells clients apart: with the tenant's id and everything that says where its data lives, so that a tenant which moved gets
   * another client.
   */
  readonly key: (tenant: Tenant) => string
  /** How many clients there may be at once, those that open or close included. */
  readonly max: number
  /** For how many milliseconds a unit of work waits for a client when all are in use. */
  readonly wait: number
  readonly logger: Logger
}

/** A client for each tenant, opened when it is first used, within a cap. */
export interface TenantClients<Client> {
  /**
   * Work with the tenant's client, which stays open until the work has ended.
   *
   * @throws {TenancyError} `POOL_EXHAUSTED` when every client was in use for longer than `wait`; `SCOPE_CLOSED` after `close`; and
   * whatever opening throws.
   */
  use<T>(tenant: Tenant, work: (client: Client) => Promise<T>): Promise<T>
  /** How many clients there are, those that open or close included. */
  readonly size: number
  /** Closes the clients of a tenant as soon as nobody uses them; who asks later gets a new one. */
  evict(tenant: Pick<Tenant, 'id'>): Promise<void>
  /** Refuses new work, waits for the old, closes all clients. Idempotent. */
  close(): Promise<void>
}

interface Entry<Client> {
  readonly tenant: string
  readonly client: Promise<Client>
  users: number
  /** No longer given out; closes with the last user. */
  isRetired: boolean
}

interface Waiter {
  readonly key: string
  readonly wake: () => void
}

/**
 * Clients of tenants within a cap. When all places are taken, the client that has been unused for longest is closed for the next
 * one; one in use is never closed.
 *
 * @throws {TenancyError} `ARGUMENT_INVALID` for a cap or a wait that is not a whole number of at least 1.
 * @example
 * const clients = tenantClients({ name: 'mongo', open, close, key: ({ id }) => id, max: 100, wait: 10_000, logger })
 * await clients.use(acme, client => client.db('acme').command({ ping: 1 }))
 */
export function tenantClients<Client>(options: TenantClientsOptions<Client>): TenantClients<Client> {
  const { name, open, key, max, wait, logger } = options
  checkWholeNumbers({ max, wait })
  // In the order of their last use: the first is the one that has been unused for longest.
  const entries = new Map<string, Entry<Client>>()
  const closing = new Set<Promise<void>>()
  const queue: Waiter[] = []
  let places = 0
  let isClosed = false
  let drained = deferred()

  function take(tenant: Tenant, id: string, place: string): Entry<Client> | undefined {
    if (isClosed) throw new TenancyError('SCOPE_CLOSED', { what: `The clients of ${name}` })
    const there = entries.get(place)
    if (there !== undefined) {
      entries.delete(place)
      entries.set(place, there)
      there.users += 1
      return there
    }
    if (places >= max) {
      const unused = [...entries].find(([, { users }]) => users === 0)
      // Its place is free once it is closed, not before: the cap is a promise to the server.
      if (unused !== undefined) retire(...unused)
      return undefined
    }
    // Whoever hands out one object for many tenants may have made another of it while this one waited.
    if (key(tenant) !== place) throw new TenancyError('SCOPE_MISMATCH', { lease: id, current: tenant.id })
    if (places === 0) drained = deferred()
    places += 1
    // In a promise, so that what it throws at once gives its place back, too.
    const client = (async () => open(tenant))()
    const entry: Entry<Client> = { tenant: id, client, users: 1, isRetired: false }
    entries.set(place, entry)
    entry.client.catch(() => {
      // Who asked for it gets the error; the next one tries again.
      if (entries.get(place) === entry) entries.delete(place)
      entry.isRetired = true
      leave()
    })
    for (const waiter of queue.filter(each => each.key === place)) waiter.wake()
    return entry
  }

  function retire(place: string, entry: Entry<Client>): void {
    if (entries.get(place) === entry) entries.delete(place)
    if (entry.isRetired) return
    entry.isRetired = true
    if (entry.users === 0) shut(entry)
  }

  function shut(entry: Entry<Client>): void {
    const done = entry.client
      .then(options.close)
      .catch((error: unknown) => {
        logger.warn({ event: `${name}.close`, tenant: entry.tenant, error }, 'A client of a tenant did not close well.')
      })
      .finally(() => {
        closing.delete(done)
        leave()
      })
    closing.add(done)
  }

  function leave(): void {
    places -= 1
    if (places === 0) drained.resolve()
    queue[0]?.wake()
  }

  function release(entry: Entry<Client>): void {
    entry.users -= 1
    if (entry.users > 0) return
    if (entry.isRetired) shut(entry)
    else queue[0]?.wake()
  }

  async function acquire(tenant: Tenant): Promise<Entry<Client>> {
    const { id } = tenant
    const place = key(tenant)
    const since = performance.now()
    for (let isFirst = false; ; isFirst = true) {
      // Whoever came first is served first, unless the client is there already.
      const entry = isFirst || queue.length === 0 || entries.has(place) ? take(tenant, id, place) : undefined
      if (entry !== undefined) return entry
      const left = wait - (performance.now() - since)
      if (left <= 0 || !(await woken(place, left, isFirst))) {
        const waited = Math.round(performance.now() - since)
        throw new TenancyError('POOL_EXHAUSTED', { tenant: id, waited, retryAfter: 1, limit: 'budget' })
      }
    }
  }

  /** Resolves with whether somebody woke it before its time was over. */
  function woken(place: string, patience: number, isFirst: boolean): Promise<boolean> {
    return new Promise(resolve => {
      const end = (isAwake: boolean) => {
        clearTimeout(timer)
        const at = queue.indexOf(waiter)
        if (at !== -1) queue.splice(at, 1)
        resolve(isAwake)
        // A place that it was told of and does not take is the next one's.
        if (!isAwake) queue[0]?.wake()
      }
      const timer = setTimeout(() => end(false), patience)
      const waiter: Waiter = { key: place, wake: () => end(true) }
      if (isFirst) queue.unshift(waiter)
      else queue.push(waiter)
    })
  }

  return {
    async use(tenant, work) {
      const entry = await acquire(tenant)
      let client: Client
      try {
        client = await entry.client
      } catch (error) {
        entry.users -= 1
        throw error
      }
      try {
        return await work(client)
      } finally {
        release(entry)
      }
    },
    get size() {
      return places
    },
    async evict({ id }) {
      for (const [place, entry] of [...entries]) if (entry.tenant === id) retire(place, entry)
      await Promise.all(closing)
    },
    async close() {
      isClosed = true
      for (const [place, entry] of [...entries]) retire(place, entry)
      for (const waiter of [...queue]) waiter.wake()
      if (places > 0) await drained.promise
    },
  }
}

function deferred(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve: () => void = () => undefined
  const promise = new Promise<void>(done => {
    resolve = done
  })
  return { promise, resolve }
}
