import { type Awaitable, TenancyError, type Tenant } from '@tenantry/core'
import type { Db, MongoClient } from 'mongodb'
import type { Borrowed, ClientSource } from './clients/client-source.ts'
import { databaseError } from './database-error.ts'
import { foldedName } from './database-name.ts'
import type { Held } from './handle/scope.ts'
import { readMark } from './owner-mark.ts'

/** Options of {@link createStores}. */
export interface StoresOptions {
  readonly isolation: string
  readonly source: ClientSource
  readonly database: (tenant: Tenant) => string
  readonly ready: () => Promise<void>
  /** Whether there is nothing to wait for any more. */
  readonly isReady: () => boolean
  /** Milliseconds for which a database is believed to be the tenant's once it said so. */
  readonly recheck: number
}

/** The databases of tenants: opened, found to be the tenant's own, and let go. */
export interface Stores {
  /** @throws {TenancyError} `TENANT_STORE_MISSING`, `IDENTITY_MISMATCH`, `PLACEMENT_INVALID`, `SCOPE_CLOSED` … */
  hold(tenant: Tenant, onEnd?: () => void): Awaitable<Held>
  /** Says which tenant a database is of. @throws {TenancyError} `PLACEMENT_INVALID` when it is another's already. */
  claim(tenant: Tenant, server: string, database: string): void
  /** Does work while nobody uses the tenant's database: cursors are ended, operations waited for, new ones refused. */
  without<T>(tenant: Tenant, work: () => Promise<T>): Promise<T>
  /** Forgets what it found of a tenant. */
  forget(tenant: Pick<Tenant, 'id'>): void
  /** Refuses what comes, ends what is kept open. Idempotent. */
  close(): void
}

interface Place {
  /** The client that found the database to be the tenant's, and until when that is believed. The driver's object is dear to make. */
  found: { readonly client: MongoClient; readonly db: Db; readonly until: number } | undefined
  looking: { readonly client: MongoClient; readonly db: Promise<Db> } | undefined
}

interface Usage {
  readonly places: Map<string, Place>
  readonly ends: Set<() => void>
  users: number
  isGoing: boolean
  readonly onIdle: (() => void)[]
}

function keyOf({ server }: Pick<Borrowed, 'server'>, name: string): string {
  return server === '' ? name : `${name} ${server}`
}

/** Keeps track of databases in use. Maps are keyed by the id as it is: two ids are two tenants (D1). */
export function createStores({ isolation, source, database, ready, isReady, recheck }: StoresOptions): Stores {
  const tenants = new Map<string, Usage>()
  const claims = new Map<string, string>()
  let isClosed = false

  function missing({ id }: Tenant, reason: string): TenancyError {
    return new TenancyError('TENANT_STORE_MISSING', { tenant: id, isolation, reason })
  }

  function usageOf(id: string): Usage {
    const known = tenants.get(id)
    if (known !== undefined) return known
    const made: Usage = { places: new Map(), ends: new Set(), users: 0, isGoing: false, onIdle: [] }
    tenants.set(id, made)
    return made
  }

  function claim({ id }: Tenant, server: string, name: string): void {
    const key = `${foldedName(name)} ${server}`
    const owner = claims.get(key)
    if (owner !== undefined && owner !== id)
      throw new TenancyError('PLACEMENT_INVALID', {
        tenant: id,
        problem: 'its database is that of another tenant, or differs from it by case only',
      })
    claims.set(key, id)
  }

  async function look(place: Place, tenant: Tenant, { client, server }: Borrowed, name: string): Promise<Db> {
    claim(tenant, server, name)
    const since = performance.now()
    const db = client.db(name)
    const ownership = await readMark(db, tenant)
    if (ownership === 'none') throw missing(tenant, 'its database has no owner mark')
    if (ownership === 'making') throw missing(tenant, 'its provisioning has not come to its end')
    if (ownership === 'foreign') {
      const found = 'its owner mark names another tenant'
      throw new TenancyError('IDENTITY_MISMATCH', {
        tenant: tenant.id,
        server: server || 'mongo',
        database: name,
        found,
      })
    }
    place.found = { client, db, until: since + recheck }
    return db
  }

  function placeOf({ places }: Usage, { server }: Borrowed, name: string): Place {
    const key = keyOf({ server }, name)
    const known = places.get(key)
    if (known !== undefined) return known
    const made: Place = { found: undefined, looking: undefined }
    places.set(key, made)
    return made
  }

  /** The database that was found to be the tenant's a moment ago. */
  function believed({ found }: Place, { client }: Borrowed): Db | undefined {
    return found?.client === client && performance.now() < found.until ? found.db : undefined
  }

  async function verify(tenant: Tenant, usage: Usage, borrowed: Borrowed, name: string): Promise<Db> {
    const place = placeOf(usage, borrowed, name)
    const there = believed(place, borrowed)
    if (there !== undefined) return there
    const { client } = borrowed
    const { looking } = place
    // One look for all that wait for it, by the client that they will use.
    if (looking?.client === client) return looking.db
    const db = look(place, tenant, borrowed, name)
    const own = { client, db }
    place.looking = own
    try {
      return await db
    } finally {
      if (place.looking === own) place.looking = undefined
      // Placements that lead nowhere leave nothing behind.
      if (place.found === undefined) usage.places.delete(keyOf(borrowed, name))
    }
  }

  function leave(id: string, usage: Usage, onEnd: (() => void) | undefined): void {
    usage.users -= 1
    if (onEnd !== undefined) usage.ends.delete(onEnd)
    if (usage.users === 0) for (const wake of usage.onIdle.splice(0)) wake()
    if (usage.users === 0 && usage.places.size === 0 && !usage.isGoing) tenants.delete(id)
  }

  function hand(db: Db, id: string, usage: Usage, onEnd: (() => void) | undefined, lent: Borrowed | undefined): Held {
    let isHeld = true
    return {
      db,
      release() {
        if (!isHeld) return
        isHeld = false
        lent?.release()
        leave(id, usage, onEnd)
      },
    }
  }

  async function open(tenant: Tenant, usage: Usage, name: string, onEnd: (() => void) | undefined): Promise<Held> {
    let borrowed: Borrowed | undefined
    try {
      await ready()
      borrowed = await source.borrow(tenant, name)
      const db = await verify(tenant, usage, borrowed, name)
      // It may have been closed while this waited.
      if (isClosed) throw new TenancyError('SCOPE_CLOSED', { what: isolation })
      return hand(db, tenant.id, usage, onEnd, borrowed)
    } catch (error) {
      borrowed?.release()
      leave(tenant.id, usage, onEnd)
      throw databaseError(error, tenant)
    }
  }

  return {
    claim,

    hold(tenant, onEnd) {
      if (isClosed) throw new TenancyError('SCOPE_CLOSED', { what: isolation })
      const name = database(tenant)
      const usage = usageOf(tenant.id)
      if (usage.isGoing) throw missing(tenant, 'it is being erased')
      usage.users += 1
      if (onEnd !== undefined) usage.ends.add(onEnd)
      // Mostly all of it is at hand, and a promise less is worth having on every operation.
      const at = isReady() ? source.atHand?.(tenant) : undefined
      const db = at === undefined ? undefined : believed(placeOf(usage, at, name), at)
      return db === undefined ? open(tenant, usage, name, onEnd) : hand(db, tenant.id, usage, onEnd, at)
    },

    async without({ id }, work) {
      const usage = usageOf(id)
      usage.isGoing = true
      usage.places.clear()
      try {
        for (const end of [...usage.ends]) end()
        if (usage.users > 0) {
          await new Promise<void>(resolve => usage.onIdle.push(resolve))
        }
        return await work()
      } finally {
        usage.isGoing = false
        usage.places.clear()
        for (const [key, owner] of claims) if (owner === id) claims.delete(key)
        if (usage.users === 0) tenants.delete(id)
      }
    },

    forget: ({ id }) => tenants.get(id)?.places.clear(),

    close() {
      isClosed = true
      for (const { ends } of tenants.values()) for (const end of [...ends]) end()
    },
  }
}
