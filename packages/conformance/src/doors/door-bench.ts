import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { setTimeout as slept } from 'node:timers/promises'
import {
  cachedRegistry,
  createTenancy,
  host,
  isTenancyError,
  type MemoryRegistry,
  memoryRegistry,
  path,
  type Tenancy,
  type Tenant,
} from '@tenantry/core'
import type { Random } from '../random.ts'
import { silent } from '../world.ts'
import { type Answer, type Asked, ask } from './ask.ts'
import type { Door, MakeDoor, Probe, Route } from './door.ts'

/** What a law has a request do. */
export interface Script {
  readonly handle: Route['handle']
  readonly failed?: (error: unknown) => string
}

/** A request of a law. */
export interface Visit extends Script, Pick<Asked, 'agent' | 'send' | 'opened'> {
  readonly route?: Route['body']
  readonly path?: string
}

/** What a law of doors works with, new for each law. */
export interface DoorBench {
  readonly a: Tenant
  readonly b: Tenant
  /** One more tenant. */
  tenant(status?: Tenant['status']): Tenant
  /** Suspends a tenant, and tells the tenancy; resolves when the time of its work is over. */
  suspend(tenant: Tenant): Promise<void>
  /** Sends a request to the tenant of this slug, or to a host where it has a dot, and lets the handler do as it says. */
  visit(to: Tenant | string, visit: Visit): Promise<Answer>
  /** Asserts that a request is refused with this status, and comes to no handler and no parser, nor to its failure. */
  refused(status: number, to: Tenant | string, visit?: Partial<Visit>): Promise<Answer>
  /** A request as bytes, for pipelines. */
  raw(to: Tenant, script: Script): string
  /** The slug of the tenant whose context this runs in, or `none`. */
  where(): string
  /** Resolves when so many more requests have their tenant. */
  resolved(count: number): Promise<void>
  readonly port: number
  readonly tenancy: Tenancy
  readonly random: Random
  /** Milliseconds that the law has. */
  readonly timeLimit: number
}

const domain = 'example.test'
/** Milliseconds. */
const drain = 50
const paths = { none: '/plain', parsed: '/parsed', raw: '/raw' } as const
const types = { parsed: 'application/json', raw: 'application/octet-stream' } as const

/** The probe application behind a door, and what laws need to talk to it. */
export interface DoorWorld {
  readonly door: Door
  bench(random: Random, timeLimit: number): DoorBench
}

/** Starts the door. Requests say by a header which law's script they are for. */
export async function doorWorld(makeDoor: MakeDoor): Promise<DoorWorld> {
  const registry: MemoryRegistry = memoryRegistry()
  const resolvers = [host({ baseDomains: [domain] }), path({ prefix: '/t' })]
  const watched = cachedRegistry(registry, { logger: silent })
  const tenancy = createTenancy({ registry: watched, resolvers, drain, logger: silent })
  const scripts = new Map<string, Script>()
  let reached = 0

  function scriptOf(incoming: IncomingMessage): Script {
    const script = scripts.get(String(incoming.headers['x-script']))
    assert.ok(script !== undefined, 'A request came to a handler that is not the suite’s.')
    reached += 1
    return script
  }

  const probe: Probe = {
    tenancy,
    routes: (['none', 'parsed', 'raw'] as const).map(body => ({
      ...{ method: body === 'none' ? ('GET' as const) : ('POST' as const), path: paths[body], body },
      handle: async exchange => scriptOf(exchange.incoming).handle(exchange),
    })),
    failed(error, incoming) {
      const text = `failed: ${String(error)}`
      // A framework may tell its error handlers of a refusal; what they answer must not stand.
      return isTenancyError(error) ? text : (scriptOf(incoming).failed?.(error) ?? text)
    },
  }
  const door = await makeDoor(probe)

  function tenant(status: Tenant['status'] = 'active'): Tenant {
    const slug = `${status}-${randomBytes(6).toString('hex')}`
    return registry.add({ slug, name: slug, status })
  }

  async function suspend({ id }: Tenant): Promise<void> {
    const { version } = registry.update(id, { status: 'suspended' })
    await watched.announce({ id, version, keys: [] })
    await slept(drain)
  }

  function hostOf(to: Tenant | string): string {
    return typeof to === 'string' ? to : `${to.slug}.${domain}`
  }

  function headersFor(script: Script): Record<string, string> {
    const id = randomBytes(8).toString('hex')
    scripts.set(id, script)
    return { 'x-script': id }
  }

  function visit(to: Tenant | string, { route = 'none', path: target, agent, send, opened, ...script }: Visit) {
    return ask({
      ...{ port: door.port, host: hostOf(to), path: target ?? paths[route] },
      method: route === 'none' ? 'GET' : 'POST',
      headers: { ...headersFor(script), ...(route === 'none' ? {} : { 'content-type': types[route] }) },
      ...(agent === undefined ? {} : { agent }),
      ...(send === undefined ? {} : { send }),
      ...(opened === undefined ? {} : { opened }),
    })
  }

  return {
    door,
    bench: (random, timeLimit) => ({
      a: tenant(),
      b: tenant(),
      tenant,
      suspend,
      visit,
      async refused(status, to, more = {}) {
        const before = reached
        const answer = await visit(to, { handle: async () => 'reached', ...more })
        assert.equal(answer.status, status, `Answered ${answer.status}: ${answer.text}`)
        assert.equal(reached, before, 'A refused request came to the application.')
        return answer
      },
      raw(to, script) {
        const headers = Object.entries({ host: hostOf(to), ...headersFor(script) })
        return `GET ${paths.none} HTTP/1.1\r\n${headers.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`
      },
      where: () => tenancy.maybeCurrent()?.slug ?? 'none',
      resolved: count =>
        new Promise(resolve => {
          let left = count
          const stop = tenancy.on('resolved', () => {
            left -= 1
            if (left > 0) return
            stop()
            resolve()
          })
        }),
      port: door.port,
      ...{ tenancy, random, timeLimit },
    }),
  }
}
