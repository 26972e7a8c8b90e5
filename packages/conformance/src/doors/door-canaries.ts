import { AsyncResource } from 'node:async_hooks'
import type { Socket } from 'node:net'
import { type ErrorCode, isTenancyError, type Tenant } from '@tenantry/core'
import type { MakeDoor } from './door.ts'
import { type DoorParts, type Phase, referenceDoor, type Served, safeDoorParts } from './reference-door.ts'

/** A door that is broken on purpose in one way, and the law that must catch it. */
export interface DoorCanary {
  /** The name of the law that this breaks. */
  readonly law: string
  /** What is wrong with the door, as a sentence. */
  readonly breaks: string
  /** Laws that cannot but break with it. */
  readonly alsoBreaks: readonly string[]
  readonly door: MakeDoor
}

function canary(
  law: string,
  breaks: string,
  broken: () => Partial<DoorParts>,
  alsoBreaks: readonly string[] = [],
): DoorCanary {
  return { law, breaks, alsoBreaks, door: probe => referenceDoor(probe, broken()) }
}

// In no tenant's context, from where any may be entered.
const outside = AsyncResource.bind((fn: () => unknown) => fn())

/** Remembers the tenants of the request that came last, and of the one before. */
function last() {
  let latest: Tenant | undefined
  let before: Tenant | undefined
  const whose: DoorParts['whose'] = async (tenancy, incoming) => {
    const tenant = await safeDoorParts.whose(tenancy, incoming)
    if (tenant.id !== latest?.id) before = latest
    latest = tenant
    return tenant
  }
  return { whose, tenant: () => latest, before: () => before }
}

function runAs<T>(tenant: Tenant, { tenancy }: Served, fn: () => T): T {
  return outside(() => tenancy.run(tenant, fn)) as T
}

/** With more requests than `enough` in this phase at once, a request runs as the tenant of another one. */
function crowded(crowd: Phase, enough: number): Partial<DoorParts> {
  const { whose, before } = last()
  let open = 0
  return {
    whose,
    within(phase, served, fn) {
      if (phase !== crowd) return safeDoorParts.within(phase, served, fn)
      open += 1
      const result =
        open > enough ? runAs(before() ?? served.tenant, served, fn) : safeDoorParts.within(phase, served, fn)
      Promise.resolve(result).then(
        () => {
          open -= 1
        },
        () => {
          open -= 1
        },
      )
      return result
    },
  }
}

/** A part of the request runs as the tenant whose request came last. */
function mixedUp(...where: readonly Phase[]): Partial<DoorParts> {
  const { whose, tenant } = last()
  return {
    whose,
    within(phase, served, fn) {
      const other = tenant()
      if (other === undefined || !where.includes(phase)) return safeDoorParts.within(phase, served, fn)
      return runAs(other, served, fn)
    },
  }
}

/** Who cannot be told is taken for the one that came last. */
function lenient(code: ErrorCode): Partial<DoorParts> {
  const { whose, tenant } = last()
  return {
    whose: (tenancy, incoming) =>
      whose(tenancy, incoming).catch((error: unknown) => {
        const other = tenant()
        if (other !== undefined && isTenancyError(error) && error.code === code) return other
        throw error
      }),
  }
}

/** For every law of doors, a door that breaks it. */
export const doorCanaries: readonly DoorCanary[] = [
  canary(
    'a request runs as its tenant from beginning to end',
    'Of two handlers that run at once, the second runs as the first one’s tenant.',
    () => crowded('plain', 1),
    ['pipelined requests are each of their own tenant'],
  ),
  canary('a body that comes slowly is parsed for its own tenant', 'Behind the parser, the last tenant is taken.', () =>
    mixedUp('parsed'),
  ),
  canary('the events of a body come to its own tenant', 'Events of bodies come as the last tenant.', () =>
    mixedUp('body events'),
  ),
  canary('a streamed answer is made by its own tenant', 'Streams are read as the last tenant.', () =>
    mixedUp('answer'),
  ),
  canary('a streamed answer ends when its tenant is suspended', 'Streams have no end.', () => ({
    end: () => undefined,
  })),
  canary('what listens for the end of a request hears it as its tenant', 'The end is heard as the last tenant.', () =>
    mixedUp('end'),
  ),
  canary('an aborted request closes as its tenant', 'An abort is heard as the last tenant.', () => mixedUp('abort')),
  canary('an error handler runs as the tenant of its request', 'Errors are handled as the last tenant.', () =>
    mixedUp('failed'),
  ),
  canary('parallel requests never meet', 'Of more than two handlers at once, all but two are mixed up.', () =>
    crowded('parsed', 2),
  ),

  canary('one socket serves each request as its own tenant', 'A socket remembers its tenant.', () => {
    const known = new WeakMap<Socket, Tenant>()
    return {
      async whose(tenancy, incoming) {
        const tenant = await safeDoorParts.whose(tenancy, incoming)
        const remembered = known.get(incoming.socket) ?? tenant
        // Not yet known where requests are pipelined, since none of them is answered.
        incoming.on('close', () => known.set(incoming.socket, remembered))
        return remembered
      },
    }
  }),
  canary('pipelined requests are each of their own tenant', 'What is pipelined is of the first tenant.', () => {
    const open = new WeakMap<Socket, Tenant>()
    return {
      async whose(tenancy, incoming) {
        const tenant = await safeDoorParts.whose(tenancy, incoming)
        const first = open.get(incoming.socket) ?? tenant
        open.set(incoming.socket, first)
        incoming.on('close', () => open.delete(incoming.socket))
        return first
      },
    }
  }),
  canary('a refused request leaves nothing to the next on its socket', 'A refusal is remembered as a pass.', () => {
    const refused = new WeakSet<Socket>()
    const { whose, tenant } = last()
    return {
      whose: (tenancy, incoming) =>
        whose(tenancy, incoming).catch((error: unknown) => {
          const other = tenant()
          if (refused.has(incoming.socket) && other !== undefined) return other
          refused.add(incoming.socket)
          throw error
        }),
    }
  }),

  canary('an unknown tenant is refused', 'An unknown tenant is taken for the last one.', () =>
    lenient('TENANT_NOT_FOUND'),
  ),
  canary('a suspended tenant is refused', 'Instead of a suspended tenant the last one is served.', () =>
    lenient('TENANT_SUSPENDED'),
  ),
  canary('a request without a tenant is refused', 'Without a tenant, the last one is taken.', () =>
    lenient('TENANT_ABSENT'),
  ),
  canary('a request of two tenants is refused', 'Of two tenants, neither is taken, but the last one.', () =>
    lenient('TENANT_AMBIGUOUS'),
  ),
  canary('an archived tenant is answered as one that never was', 'A header tells that it was archived.', () => ({
    refuse(error, outgoing, incoming) {
      if (incoming.headers.host?.startsWith('archived-')) outgoing.setHeader('x-status', 'archived')
      safeDoorParts.refuse(error, outgoing, incoming)
    },
  })),
]
