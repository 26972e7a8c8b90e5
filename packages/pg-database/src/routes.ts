import {
  type CredentialSource,
  isTenancyError,
  type Logger,
  type LoginTarget,
  TenancyError,
  type Tenant,
} from '@tenantry/core'
import { type Places, placeOn, type SessionStatePolicy } from '@tenantry/pg'
import { type ConnectGate, connectGate } from './connections/connect-gate.ts'
import type { ConnectionBudget } from './connections/connection-budget.ts'
import { type Lane, sizeOf } from './connections/lane.ts'
import { openConnection } from './connections/open-connection.ts'
import type { LeaseNumbers } from './logins/lease-numbers.ts'
import { type LoginKeeper, loginKeeper } from './logins/login-keeper.ts'
import { type DatabasePlacement, type DatabaseServer, ownName, placementOf } from './placement.ts'

/** What leads from a tenant to its connections. */
export interface RouteTerms {
  readonly servers: Readonly<Record<string, DatabaseServer>>
  readonly source: CredentialSource
  readonly budget: ConnectionBudget
  readonly keyPrefix: string
  readonly connectTimeout: number
  /** Milliseconds that work in progress has when a tenant is suspended or moved. */
  readonly drainTimeout: number
  readonly sessionState: SessionStatePolicy
  readonly applicationName: string | undefined
  readonly logger: Logger
  readonly numbers: LeaseNumbers
}

/** The ways to the databases of all tenants. */
export interface Routes {
  /** The connections of a tenant. @throws {TenancyError} `PLACEMENT_INVALID`, `TENANT_SUSPENDED` */
  placesOf(tenant: Tenant): Places
  /** Where a tenant's login is for. @throws {TenancyError} `PLACEMENT_INVALID` */
  targetOf(tenant: Pick<Tenant, 'id' | 'placement'>): {
    readonly target: LoginTarget
    readonly placement: DatabasePlacement
  }
  /** Ends a tenant's connections, and refuses whoever comes with this version of the tenant or an older one. */
  refuse(tenant: Tenant, drainTimeout?: number): Promise<void>
  /** Ends the leases too, also those of other processes. */
  evict(tenant: Tenant): Promise<void>
  /** Ends a tenant's connections and leases. Whoever comes next gets others. */
  release(id: string, drainTimeout?: number): Promise<void>
  /** Ends them all, and resolves when the leases are revoked. */
  close(): Promise<void>
}

interface Route {
  readonly placement: DatabasePlacement
  readonly lane: Lane
  readonly logins: LoginKeeper
  readonly places: Places
  /** How often in a row it was found without a connection. */
  unused: number
}

/** In which a tenant is not to be served by anybody. */
const over: ReadonlySet<string> = new Set(['suspended', 'archived', 'deprovisioning'])

/** Milliseconds between two looks for tenants that nobody asks for any more. */
const forgetEvery = 30_000

export function routesOf(terms: RouteTerms): Routes {
  const { servers, source, budget, keyPrefix, logger, numbers } = terms
  const routes = new Map<string, Route>()
  /** By id: the version up to which a tenant is refused. */
  const suspended = new Map<string, number>()
  /** By id: the epoch of the last placement; an older one leads to where the tenant no longer is. */
  const epochs = new Map<string, bigint>()
  const gates = new Map<string, ConnectGate>()

  function placesOf(tenant: Tenant): Places {
    const { id, version, status, placement } = tenant
    if (over.has(status)) {
      // Whoever says so knows it from the registry; those who still have an older snapshot are refused from now on.
      if (!isRefused(id, version)) evict(tenant).catch(error => reportSuspension(tenant, error))
      throw new TenancyError('TENANT_SUSPENDED', { tenant: id })
    }
    // For ever: whoever has a snapshot from before may come after those who have a newer one.
    if (suspended.size > 0 && isRefused(id, version)) throw new TenancyError('TENANT_SUSPENDED', { tenant: id })
    const known = routes.get(id)
    if (known !== undefined && leadsTo(known.placement, placement)) return known.places
    return newRoute(tenant, known).places
  }

  function isRefused(id: string, version: number): boolean {
    const refused = suspended.get(id)
    return refused !== undefined && version <= refused
  }

  /** Nobody waits for it; the leases end by themselves. */
  function reportSuspension({ id: tenant }: Tenant, error: unknown): void {
    const code = isTenancyError(error) ? error.code : 'UNKNOWN'
    const about = { event: 'pg-database.suspension', tenant, source: source.name, code }
    logger.error(about, 'The leases of a suspended tenant could not be revoked; they end by themselves.')
  }

  function newRoute(tenant: Tenant, old: Route | undefined): Route {
    const { target, placement } = targetOf(tenant)
    const epoch = BigInt(placement.epoch)
    const last = epochs.get(tenant.id)
    // A route that was given up may be opened anew in its own epoch; one that is there leads elsewhere than this placement.
    if (last !== undefined && (epoch < last || (epoch === last && old !== undefined))) {
      const problem =
        epoch === last
          ? 'it leads elsewhere than before, in the same epoch'
          : `it is of epoch ${epoch}, and the tenant has moved on to ${last}`
      throw new TenancyError('PLACEMENT_INVALID', { tenant: tenant.id, problem })
    }
    epochs.set(tenant.id, epoch)
    if (old !== undefined) void leave(tenant.id, old, terms.drainTimeout)
    const route = makeRoute(target, placement)
    routes.set(tenant.id, route)
    return route
  }

  function makeRoute(target: LoginTarget, placement: DatabasePlacement): Route {
    const server = servers[placement.server] as DatabaseServer
    const gate = gateOf(placement.server)
    const { connectTimeout, applicationName, sessionState } = terms
    const lane: Lane = budget.lane(target.tenant, () =>
      openConnection({ target, placement, server, logins, gate, connectTimeout, applicationName }),
    )
    const logins: LoginKeeper = loginKeeper({
      ...{ source, target, logger, numbers },
      needed: () => sizeOf(lane) > 0 || lane.waiters.size > 0,
      retire: login => budget.retire(lane, connection => connection.login === login),
    })
    async function take() {
      const connection = await budget.take(lane)
      return placeOn(connection.session, sessionState, usable => budget.leave(lane, connection, usable))
    }
    return { placement, lane, logins, places: { forStatement: take, forLease: take }, unused: 0 }
  }

  function gateOf(server: string): ConnectGate {
    const known = gates.get(server)
    if (known !== undefined) return known
    const gate = connectGate(isUnreachable)
    gates.set(server, gate)
    return gate
  }

  function targetOf(tenant: Pick<Tenant, 'id' | 'placement'>) {
    const placement = placementOf(tenant, servers, keyPrefix)
    const { host, port = 5432 } = servers[placement.server] as DatabaseServer
    const { server, database } = placement
    return {
      placement,
      target: { tenant: tenant.id, server, host, port, database, owner: ownName(tenant.id, keyPrefix) },
    }
  }

  async function leave(id: string, route: Route, drainTimeout: number, refusal = moved(id)): Promise<void> {
    if (routes.get(id) === route) routes.delete(id)
    budget.stop(route.lane, refusal)
    await budget.drained(route.lane, drainTimeout)
    await route.logins.end()
  }

  async function release(id: string, drainTimeout = terms.drainTimeout): Promise<void> {
    const route = routes.get(id)
    if (route !== undefined) await leave(id, route, drainTimeout)
  }

  async function refuse({ id, version }: Tenant, drainTimeout = terms.drainTimeout): Promise<void> {
    suspended.set(id, Math.max(version, suspended.get(id) ?? version))
    const route = routes.get(id)
    if (route !== undefined)
      await leave(id, route, drainTimeout, () => new TenancyError('TENANT_SUSPENDED', { tenant: id }))
  }

  async function evict(tenant: Tenant): Promise<void> {
    await refuse(tenant)
    await source.revokeAll?.(targetOf(tenant).target)
  }

  async function close(): Promise<void> {
    clearInterval(forgetting)
    await Promise.all([...routes].map(([id, route]) => leave(id, route, terms.drainTimeout, closed)))
  }

  /** What is kept of a tenant that nobody asks for would add up. */
  const forgetting = setInterval(() => {
    for (const [id, route] of routes) {
      const idle = sizeOf(route.lane) === 0 && route.lane.waiters.size === 0
      route.unused = idle ? route.unused + 1 : 0
      if (route.unused > 1) void leave(id, route, 0)
    }
  }, forgetEvery)
  forgetting.unref()

  return { placesOf, targetOf, refuse, evict, release, close }
}

function leadsTo({ server, database, epoch }: DatabasePlacement, placement: Tenant['placement']): boolean {
  return placement.server === server && placement.database === database && (placement.epoch ?? '1') === epoch
}

function moved(id: string): () => Error {
  return () =>
    new TenancyError('PLACEMENT_INVALID', {
      tenant: id,
      problem: 'the tenant is moving, or its connections are being closed',
    })
}

function closed(): Error {
  return new TenancyError('SCOPE_CLOSED', { what: 'The isolation' })
}

/** Errors of the network, and of a server that starts, stops or has no room. */
function isUnreachable(error: unknown): boolean {
  const { code } = error as { code?: unknown }
  return typeof code !== 'string' || /^(?:E[A-Z]+|57P0[123]|53300|08...)$/.test(code)
}
