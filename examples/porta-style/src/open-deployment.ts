import { randomBytes } from 'node:crypto'
import type { Logger, Tenant } from '@tenantry/core'
import { listen } from '@tenantry/demo'
import type { FreshDatabase } from '@tenantry/servers'
import { Redis } from 'ioredis'
import pg from 'pg'
import { createApp } from './app.ts'
import { type Directory, directory } from './directory.ts'
import { init } from './init.ts'
import { migrate } from './migrate.ts'
import { openPlatform, type Platform } from './platform.ts'

/** Two databases, so that the registry's role reaches no row of any organization, and a Redis. */
export interface Servers {
  readonly data: FreshDatabase
  readonly registry: FreshDatabase
  readonly redis: { readonly host: string; readonly port: number }
  readonly logger: Logger
}

/** A process that serves. */
export interface Process {
  readonly platform: Platform
  readonly people: Directory
  readonly port: number
}

/** All of it, until it is closed. */
export interface Deployment {
  readonly base: string
  readonly admin: { readonly email: string; readonly password: string; readonly redirectUri: string }
  readonly control: Tenant
  /** Two processes on the same servers: what one changes, the other must know. */
  readonly processes: readonly [Process, Process]
  /** Of the owner of the rows, for a look behind the scenes; under row-level security like everybody. */
  readonly owner: pg.Pool
  close(): Promise<void>
}

/** Migrates, opens two processes, and makes the control organization. */
export async function openDeployment({ data, registry, redis, logger }: Servers): Promise<Deployment> {
  const pools: pg.Pool[] = []
  const clients: Redis[] = []
  const ends: (() => Promise<void>)[] = []
  function pool(connectionString: string, max = 2): pg.Pool {
    const opened = new pg.Pool({ connectionString, max })
    // A connection that is being closed may be cut by the end of the server.
    opened.on('error', error => logger.debug({ error: error.message }, 'A connection was lost.'))
    pools.push(opened)
    return opened
  }
  async function close(): Promise<void> {
    for (const end of ends.reverse()) await end()
    for (const client of clients) client.disconnect()
    for (const opened of pools) await opened.end()
  }

  const base = 'https://auth.example.com'
  const key = randomBytes(32)
  async function start(): Promise<Process> {
    const client = new Redis({ ...redis, lazyConnect: false })
    clients.push(client)
    const platform = await openPlatform({
      pool: pool(data.runtimeUrl, 4),
      fencePool: pool(data.provisionerUrl),
      registryPool: pool(registry.runtimeUrl, 4),
      ...{ redis: client, namespace: data.name, registryKey: key, logger },
    })
    ends.push(platform.close)
    const log = (error: unknown) => logger.error({ error: String(error) }, 'A request failed.')
    const { port, close: stop } = await listen(createApp({ platform, base, log }))
    ends.push(stop)
    return { platform, people: directory(platform.rows), port }
  }

  try {
    const owner = pool(data.ownerUrl)
    await migrate({
      ...{ owner, runtimeRole: data.runtimeRole, fenceRole: data.provisionerRole },
      ...{ registryOwner: pool(registry.ownerUrl), registryRole: registry.runtimeRole },
    })
    const processes = [await start(), await start()] as const
    const password = randomBytes(12).toString('base64url')
    const admin = { email: 'root@porta.example', password, redirectUri: 'http://127.0.0.1:7007/callback' }
    const [{ platform, people }] = processes
    const control = await init(platform, people, admin)
    return { base, admin, control, processes, owner, close }
  } catch (error) {
    await close()
    throw error
  }
}
