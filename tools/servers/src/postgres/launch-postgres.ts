import { randomBytes } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type RunningServer, startServer } from '../start-server.ts'
import { unprivilegedUser } from '../unprivileged-user.ts'
import { readableBinaries } from './readable-binaries.ts'
import { execute } from './sql.ts'

/** A server of ours, made for tests: nothing it holds survives a power cut, and nobody else can log in. */
export interface LaunchedPostgres extends RunningServer {
  readonly adminUrl: string
}

const settings = (port: number) => ({
  port: String(port),
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '200',
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
  // Files in the data directory, so that nothing is left in /dev/shm by a server that had to be killed.
  dynamic_shared_memory_type: 'mmap',
  timezone: 'UTC',
  log_timezone: 'UTC',
})

/** Makes a data directory with the binaries of a folder (`initdb`, `postgres`) and starts a server on it. */
export const launchPostgres = async (folder: string): Promise<LaunchedPostgres> => {
  const user = unprivilegedUser()
  const password = randomBytes(24).toString('hex')
  const adminUrl = (port: number) => `postgresql://postgres:${password}@127.0.0.1:${port}/postgres`
  let binaries = folder

  const server = await startServer({
    name: 'postgres',
    user,
    stopSignal: 'SIGINT', // "fast": disconnects everyone; SIGTERM would wait for them
    prepare: async room => {
      binaries = await readableBinaries(folder, room, user)
      const secret = await room.write('password', password)
      await room.run(join(binaries, 'initdb'), [
        ...['-D', join(room.directory, 'data'), '-U', 'postgres', '--auth=scram-sha-256', `--pwfile=${secret}`],
        ...['--encoding=UTF8', '--locale=C', '--no-sync', '--no-instructions'],
      ])
      await rm(secret)
    },
    command: (room, port) => ({
      command: join(binaries, 'postgres'),
      args: [
        ...['-D', join(room.directory, 'data')],
        ...Object.entries(settings(port)).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
      ],
    }),
    ready: port => execute(adminUrl(port), ['select 1']),
  })

  return {
    port: server.port,
    directory: server.directory,
    get pid() {
      return server.pid
    },
    adminUrl: adminUrl(server.port),
    down: async (signal = 'SIGQUIT') => {
      // With synchronous_commit off, the last commits may not have left the server's memory yet.
      await execute(adminUrl(server.port), ['checkpoint'])
      await server.down(signal)
    },
    up: server.up,
    death: server.death,
    stop: server.stop,
  }
}
