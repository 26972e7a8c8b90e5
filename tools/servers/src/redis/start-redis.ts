import { connect } from 'node:net'
import { startServer } from '../start-server.ts'
import { unprivilegedUser } from '../unprivileged-user.ts'
import { findRedis } from './find-redis.ts'

/** What {@link startRedis} may be told. */
export interface StartRedisOptions {
  /** Further settings, as on the command line: `['--cluster-enabled', 'yes']`. Not for a container. */
  readonly args?: readonly string[]
  /** Default `process.env`; read for `TENANTRY_REDIS`, `PATH` and `DOCKER_HOST`. */
  readonly env?: NodeJS.ProcessEnv
}

/** A Redis that this process started, in memory only, and that does not outlive it. */
export interface RedisServer {
  readonly host: string
  readonly port: number
  readonly url: string
  /** Ends it, and forgets its data. */
  down(): Promise<void>
  /** Starts it again on the same port, empty. */
  up(): Promise<void>
  stop(): Promise<void>
}

/**
 * A real Redis on 127.0.0.1, without a password.
 *
 * @throws Error when there is none on this machine; ask {@link findRedis} first to skip.
 * @example
 * const server = await startRedis()
 * const client = new Redis(server.url)
 */
export const startRedis = async ({ args = [], env = process.env }: StartRedisOptions = {}): Promise<RedisServer> => {
  const source = await findRedis(env)
  if ('missing' in source) throw new Error(source.missing)
  if ('container' in source) return containRedis()
  const running = await startServer({
    name: 'redis',
    user: unprivilegedUser(),
    command: ({ directory }, port) => ({
      command: source.path,
      args: [
        '--port',
        `${port}`,
        '--bind',
        '127.0.0.1',
        '--dir',
        directory,
        '--save',
        '',
        '--appendonly',
        'no',
        ...args,
      ],
    }),
    ready: ping,
  })
  const { port, down, up, stop } = running
  return { host: '127.0.0.1', port, url: `redis://127.0.0.1:${port}`, down: () => down(), up, stop }
}

const containRedis = async (): Promise<RedisServer> => {
  const { GenericContainer } = await import('testcontainers')
  const container = await new GenericContainer('redis:7.4-alpine').withExposedPorts(6379).start()
  const [host, port] = [container.getHost(), container.getMappedPort(6379)]
  const refuse = async () => {
    throw new Error('A Redis in a container does not keep its port: install redis-server.')
  }
  const stop = async () => {
    await container.stop()
  }
  return { host, port, url: `redis://${host}:${port}`, down: refuse, up: refuse, stop }
}

/** Rejects until the server says PONG. */
const ping = (port: number) =>
  new Promise<void>((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('PING\r\n'))
    socket.setTimeout(500, () => socket.destroy(new Error('Redis does not answer.')))
    socket.once('error', reject)
    socket.once('data', answer => {
      socket.destroy()
      if (answer.toString().startsWith('+PONG')) resolve()
      else reject(new Error(`Redis says ${answer.toString().trim()}`))
    })
  })
