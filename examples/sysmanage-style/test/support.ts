import { type Answer, listen, send } from '@tenantry/demo'
import { secretReferences } from '@tenantry/pg-database'
import { type FaultProxy, type PostgresServer, startFaultProxy } from '@tenantry/servers'
import type { PostgresForTests } from '@tenantry/servers/vitest'
import { type Deployment, deploy } from '../src/deployment.ts'
import { lookInside } from '../src/look-inside.ts'
import { type LogRecord, memoryLogger } from '../src/memory-logger.ts'
import { openService, type Service } from '../src/open-service.ts'
import type { Settings } from '../src/settings.ts'

/** A process of the service. */
export interface Process {
  readonly service: Service
  readonly records: readonly LogRecord[]
  /** A request with a bearer token, or none. */
  send(
    method: string,
    path: string,
    token?: string,
    body?: unknown,
    headers?: Readonly<Record<string, string>>,
  ): Promise<Answer>
  operator(method: string, path: string, body?: unknown): Promise<Answer>
  /** Enrols a host with a new token of the tenant. @returns its credential. */
  enrol(slug: string, hostname: string): Promise<string>
}

/** Three servers of their own, whose grants no other test minds, and what counts the messages on their way to them. */
export interface House {
  readonly deployment: Deployment
  /** The same as those of the deployment, but that the way to each server is watched. */
  readonly settings: Settings
  readonly servers: Readonly<Record<'bootstrap' | 'eu' | 'us', PostgresServer>>
  /** How many messages have gone to the three servers so far. */
  messages(): number
  boot(change?: Partial<Settings>): Promise<Process>
  /** What a process that is to fail at start fails with. */
  refusedAtStart(
    change: Partial<Settings>,
  ): Promise<{ readonly code?: string; readonly details?: { readonly problems?: readonly string[] } }>
  /** `server/slug: hosts` for every database that has hosts or could have; of tenants that the registry knows, by their names. */
  hosts(process: Process): Promise<readonly string[]>
  close(): Promise<void>
}

export async function build(server: PostgresForTests): Promise<House> {
  const servers = {
    bootstrap: await server.ownServer(),
    eu: await server.ownServer(),
    us: await server.ownServer(),
  }
  const deployment = await deploy(servers.bootstrap, servers, {})
  const { registry, servers: places = {}, ...rest } = deployment.settings
  let messages = 0
  const proxies: FaultProxy[] = []
  async function watched<T extends { readonly host: string; readonly port?: number }>(place: T): Promise<T> {
    const { host, port = 5432 } = place
    const proxy = await startFaultProxy({
      target: { host, port },
      onMessage: ({ on }) => {
        if (on === 'frontend') messages += 1
      },
    })
    proxies.push(proxy)
    return { ...place, host: '127.0.0.1', port: proxy.port }
  }
  const settings: Settings = {
    ...rest,
    registry: await watched(registry),
    servers: Object.fromEntries(
      await Promise.all(Object.entries(places).map(async ([name, place]) => [name, await watched(place)] as const)),
    ),
  }
  const closing: (() => Promise<unknown>)[] = []
  const secrets = secretReferences(deployment.env)

  async function boot(change: Partial<Settings> = {}): Promise<Process> {
    const { logger, records } = memoryLogger()
    const service = await openService({ settings: { ...settings, ...change }, secrets, logger })
    const { port, close } = await listen(service.app)
    closing.unshift(close, service.close)
    const process: Process = {
      ...{ service, records },
      send: (method, path, token, body, headers = {}) => {
        const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` }
        return send(port, { method, host: 'localhost', path, body, headers: { ...authorization, ...headers } })
      },
      operator: (method, path, body) => process.send(method, `/operator${path}`, deployment.env.OPERATOR_KEY, body),
      async enrol(slug, hostname) {
        const made = await process.operator('POST', `/tenants/${slug}/tokens`, { label: hostname })
        const { token } = made.body as { token: string }
        const answer = await process.send('POST', '/agents', token, { hostname, platform: 'debian-13' })
        return (answer.body as { credential: string }).credential
      },
    }
    return process
  }

  return {
    ...{ deployment, settings, servers, boot },
    messages: () => messages,
    async refusedAtStart(change) {
      try {
        await boot(change)
      } catch (error) {
        return error as { code?: string }
      }
      throw new Error('It has started.')
    },
    async hosts({ service }) {
      const names = new Map((await service.tenants?.list())?.map(({ slug, placement }) => [placement.database, slug]))
      const found = await lookInside(deployment.admins)
      return found
        .map(({ server: name, database, hosts }) => `${name}/${names.get(database) ?? database}: ${hosts.join(' ')}`)
        .toSorted()
    },
    async close() {
      for (const one of closing.splice(0)) await one()
      for (const proxy of proxies) await proxy.close()
    },
  }
}
