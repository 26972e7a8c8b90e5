import { TenancyError } from '@tenantry/core'
import { isClean, type PoolCounts } from '@tenantry/pg'
import type { BudgetMetrics } from './budget-metrics.ts'
import { type BudgetOptions, budgetTerms } from './budget-options.ts'
import type { Connection } from './connection.ts'
import { neediest, rivalOf } from './fair-share.ts'
import { type Lane, sizeOf, type Waiter } from './lane.ts'

/** Connections of many tenants within one budget. */
export interface ConnectionBudget {
  /** @param open - opens one more connection of this tenant. */
  lane(tenant: string, open: Lane['open']): Lane
  /** A connection of the lane. @throws {TenancyError} `POOL_EXHAUSTED`, and whatever opening or the lane's refusal throws. */
  take(lane: Lane): Promise<Connection>
  /** Ends the use of a connection. */
  leave(lane: Lane, connection: Connection, usable: boolean): void
  /** Closes connections, each as soon as nobody uses it. */
  retire(lane: Lane, which: (connection: Connection) => boolean): void
  /** Refuses whoever waits or comes, and closes the connections, each as soon as nobody uses it. */
  stop(lane: Lane, refusal: () => Error): void
  /** Resolves when a lane that was stopped has no connection left; after so many milliseconds what is in use is ended. */
  drained(lane: Lane, milliseconds: number): Promise<void>
  counts(): PoolCounts
  metrics(): BudgetMetrics
  /** Ends the look for idle connections. */
  close(): void
}

/** @throws {TenancyError} `ARGUMENT_INVALID` */
export function connectionBudget(options: BudgetOptions): ConnectionBudget {
  const { max, maxPerTenant, queueTimeout, idleTimeout, turn } = budgetTerms(options)

  const lanes = new Set<Lane>()
  /** Lanes whose waiters wait for more connections, the one that was served longest ago first. */
  const hungry = new Set<Lane>()
  /** Idle connections of all lanes with theirs, the one that was left longest ago first. */
  const idle = new Map<Connection, Lane>()
  const numbers = { hits: 0, misses: 0, opened: 0, failed: 0, evicted: 0, yielded: 0, timeouts: 0 }
  let total = 0
  /** Openings that wait for the room of a connection that is still being closed, and counted as such. */
  let roomless = 0

  function lane(tenant: string, open: Lane['open']): Lane {
    const nobody = { busy: new Set<Connection>(), waiters: new Set<Waiter>(), refusal: undefined }
    return { tenant, open, idle: [], ...nobody, opening: 0, closing: 0 }
  }

  function take(lane: Lane): Promise<Connection> {
    if (lane.refusal !== undefined) return Promise.reject(lane.refusal())
    // Who came first is served first.
    const connection = lane.waiters.size === 0 ? takeIdle(lane) : undefined
    if (connection !== undefined) {
      lane.busy.add(connection)
      numbers.hits += 1
      return Promise.resolve(connection)
    }
    numbers.misses += 1
    return waitFor(lane)
  }

  function waitFor(lane: Lane): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const since = performance.now()
      function settle(): void {
        clearTimeout(timer)
        lane.waiters.delete(waiter)
        if (lane.waiters.size > 0) return
        hungry.delete(lane)
        forget(lane)
      }
      const waiter: Waiter = {
        give(given) {
          settle()
          resolve(given)
        },
        refuse(error) {
          settle()
          reject(error)
        },
      }
      const timer = setTimeout(() => {
        numbers.timeouts += 1
        waiter.refuse(tooLate(lane, Math.round(performance.now() - since)))
      }, queueTimeout)
      lanes.add(lane)
      lane.waiters.add(waiter)
      hungry.add(lane)
      schedule()
    })
  }

  /** One that something was seen of since it was left is closed. */
  function takeIdle(lane: Lane): Connection | undefined {
    for (;;) {
      const connection = lane.idle.pop()
      if (connection === undefined) return undefined
      idle.delete(connection)
      if (isClean(connection.session)) return connection
      void closeWithRoom(lane, connection)
    }
  }

  function tooLate(lane: Lane, waited: number): TenancyError {
    if (lane.opening > 0 && lane.busy.size === 0) {
      return new TenancyError('DATABASE_UNAVAILABLE', { reason: `no connection could be opened within ${waited} ms` })
    }
    const limit = sizeOf(lane) >= maxPerTenant ? 'tenant' : 'budget'
    // Not the same for all, or they would all come back at once.
    const retryAfter = Math.ceil((queueTimeout / 1_000) * (0.5 + Math.random()))
    return new TenancyError('POOL_EXHAUSTED', { tenant: lane.tenant, waited, retryAfter, limit })
  }

  function schedule(): void {
    while (hungry.size > 0) {
      const next = neediest(hungry, maxPerTenant)
      if (next === undefined) return
      if (total < max) {
        total += 1
        void open(next)
        continue
      }
      const [oldest] = idle
      if (oldest === undefined) return
      numbers.evicted += 1
      unlist(...oldest)
      void open(next, close(...oldest))
    }
  }

  /** @param room - when the connection is closed in whose place this one is opened. */
  async function open(lane: Lane, room?: Promise<void>): Promise<void> {
    lane.opening += 1
    // The next one who wants a connection as much comes before this one does again.
    if (hungry.delete(lane)) hungry.add(lane)
    try {
      if (room !== undefined) {
        roomless += 1
        await room
        roomless -= 1
      }
      // They may all have given up, or been served by others, while the room was made.
      if (lane.waiters.size < lane.opening) end()
      else await openNow(lane)
    } catch (error) {
      numbers.failed += 1
      end()
      // Whoever else has a connection will leave it; without any, the others would fail in the same way, one after another.
      const doomed = sizeOf(lane) > 0 ? [...lane.waiters].slice(0, 1) : [...lane.waiters]
      for (const waiter of doomed) waiter.refuse(error)
    }
    schedule()

    function end(): void {
      lane.opening -= 1
      total -= 1
      forget(lane)
    }
  }

  async function openNow(lane: Lane): Promise<void> {
    const connection = await lane.open()
    lane.opening -= 1
    numbers.opened += 1
    connection.session.client.once('end', () => {
      if (!idle.has(connection)) return
      unlist(connection, lane)
      void closeWithRoom(lane, connection)
    })
    arrive(lane, connection)
  }

  /** For whoever waits, else idle. */
  function arrive(lane: Lane, connection: Connection): void {
    if (connection.retired || lane.refusal !== undefined) {
      void closeWithRoom(lane, connection)
      return
    }
    const [waiter] = lane.waiters
    if (waiter === undefined) {
      connection.idleSince = performance.now()
      lane.idle.push(connection)
      idle.set(connection, lane)
    } else {
      lane.busy.add(connection)
      waiter.give(connection)
    }
  }

  function leave(lane: Lane, connection: Connection, usable: boolean): void {
    lane.busy.delete(connection)
    if (!usable) connection.retired = true
    // Only what must be shared is: while there is room or an idle connection, nobody gives way.
    const other =
      connection.retired || hungry.size === 0 || total < max || idle.size > 0
        ? undefined
        : rivalOf(lane, connection, neediest(hungry, maxPerTenant), turn)
    if (other === undefined) {
      arrive(lane, connection)
      if (hungry.size > 0) schedule()
      return
    }
    numbers.yielded += 1
    connection.retired = true
    void open(other, close(connection, lane))
    schedule()
  }

  function unlist(connection: Connection, lane: Lane): void {
    idle.delete(connection)
    lane.idle.splice(lane.idle.indexOf(connection), 1)
  }

  /** Closes a connection, whose room is somebody else's. */
  async function close(connection: Connection, lane: Lane): Promise<void> {
    connection.retired = true
    lane.closing += 1
    await connection.close()
    lane.closing -= 1
    forget(lane)
  }

  async function closeWithRoom(lane: Lane, connection: Connection): Promise<void> {
    await close(connection, lane)
    total -= 1
    schedule()
  }

  function retire(lane: Lane, which: (connection: Connection) => boolean): void {
    for (const connection of lane.busy) if (which(connection)) connection.retired = true
    for (const connection of lane.idle.filter(which)) {
      unlist(connection, lane)
      void closeWithRoom(lane, connection)
    }
  }

  function stop(lane: Lane, refusal: () => Error): void {
    lane.refusal = refusal
    for (const waiter of [...lane.waiters]) waiter.refuse(refusal())
    retire(lane, () => true)
    schedule()
  }

  async function drained(lane: Lane, milliseconds: number): Promise<void> {
    const end = performance.now() + milliseconds
    while (sizeOf(lane) > 0) {
      if (performance.now() >= end) {
        await Promise.all([...lane.busy].map(connection => connection.close()))
        return
      }
      await new Promise(resolve => setTimeout(resolve, 10))
    }
  }

  function forget(lane: Lane): void {
    if (sizeOf(lane) === 0 && lane.waiters.size === 0) lanes.delete(lane)
  }

  function closeOld(): void {
    const now = performance.now()
    for (const [connection, lane] of [...idle]) {
      if (now - connection.idleSince < idleTimeout * (0.8 + Math.random() * 0.4)) continue
      unlist(connection, lane)
      void closeWithRoom(lane, connection)
    }
  }
  const sweep = setInterval(closeOld, Math.max(10, idleTimeout / 4))
  sweep.unref()

  const sum = (of: (lane: Lane) => number) => [...lanes].reduce((all, lane) => all + of(lane), 0)

  return {
    ...{ lane, take, leave, retire, stop, drained },
    counts: () => ({
      totalCount: total,
      idleCount: idle.size,
      waitingCount: sum(({ waiters }) => waiters.size),
    }),
    metrics: () => ({
      ...{ max, total, ...numbers, idle: idle.size, tenants: lanes.size },
      busy: sum(({ busy }) => busy.size),
      opening: sum(({ opening }) => opening) - roomless,
      closing: sum(({ closing }) => closing),
      waiting: sum(({ waiters }) => waiters.size),
    }),
    close: () => clearInterval(sweep),
  }
}
