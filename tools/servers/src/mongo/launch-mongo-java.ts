import { cp } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type RunningServer, startServer } from '../start-server.ts'
import { unprivilegedUser } from '../unprivileged-user.ts'

const launcher = fileURLToPath(new URL('./Launcher.java', import.meta.url))

const listens = (port: number) =>
  new Promise<void>((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port })
    socket.once('connect', () => {
      socket.destroy()
      resolve()
    })
    socket.once('error', reject)
  })

/** A server of the MongoDB wire protocol, in memory and without authentication: only on 127.0.0.1, only for tests. */
export const launchMongoJava = (jars: string): Promise<RunningServer> =>
  startServer({
    name: 'mongo-java',
    user: unprivilegedUser(),
    prepare: async room => {
      // The server's user may not reach the checkout.
      await cp(jars, join(room.directory, 'lib'), { recursive: true })
      await cp(launcher, join(room.directory, 'Launcher.java'))
    },
    command: (room, port) => ({
      command: 'java',
      args: [
        ...[
          '-Xmx384m',
          '-XX:TieredStopAtLevel=1',
          '-XX:+UseSerialGC',
          '-Dorg.slf4j.simpleLogger.defaultLogLevel=error',
        ],
        ...['-cp', join(room.directory, 'lib', '*'), join(room.directory, 'Launcher.java'), String(port)],
      ],
    }),
    ready: listens,
  })
