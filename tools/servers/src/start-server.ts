import { chown, mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from './free-port.ts'
import { openGuardian } from './open-guardian.ts'
import { serverLog } from './server-log.ts'
import type { SystemUser } from './unprivileged-user.ts'

/** The temporary directory of one server; it goes when the server goes. */
export interface ServerRoom {
  readonly directory: string
  /** Writes a file that only the server's user can read (a password, a configuration), and returns its path. */
  write(name: string, text: string): Promise<string>
  /** Runs a command as the server's user. @throws Error with the end of its output unless it exits with 0. */
  run(command: string, args: readonly string[]): Promise<void>
}

/** A program and its arguments. */
export interface ServerCommand {
  readonly command: string
  readonly args: readonly string[]
}

/** All that differs between one server and another. Never put a secret in `args`: every user can read those. */
export interface ServerPlan {
  /** Short lower-case name, for messages and the temporary directory. */
  readonly name: string
  /** Who runs it; default: the user of this process. */
  readonly user?: SystemUser | undefined
  readonly env?: Readonly<Record<string, string>>
  /** Work before the first start: files, `initdb`. */
  prepare?(room: ServerRoom): Promise<void>
  /** What to start. Bind to 127.0.0.1 and the given port. Called again for another port when that one is taken. */
  command(room: ServerRoom, port: number): ServerCommand | Promise<ServerCommand>
  /** Rejects until the server answers on the port; called every 20 ms for at most 30 s. */
  ready(port: number): Promise<void>
  /** The signal that ends it in good order. Default SIGTERM. */
  readonly stopSignal?: NodeJS.Signals
  /** Milliseconds until SIGKILL follows the signal. Default 5,000. */
  readonly graceMs?: number
}

/** A server that this process started, and that does not outlive it. */
export interface RunningServer {
  readonly port: number
  readonly directory: string
  /** Process id; another one after `up()`. */
  readonly pid: number | undefined
  /** Ends the server process and keeps its files. */
  down(signal?: NodeJS.Signals): Promise<void>
  /** Starts it again on the same port and files. */
  up(): Promise<void>
  /** How it ended (exit code, signal name) and the last lines of its log; `undefined` while it runs. */
  death(): Promise<{ readonly how: number | string; readonly log: string } | undefined>
  /** Ends it and removes its files. */
  stop(): Promise<void>
}

const readyMs = 30_000
const portTaken = /address already in use|EADDRINUSE/i

/** Starts a server as the plan says, on a free port of 127.0.0.1. @throws Error with the end of its log. */
export const startServer = async (plan: ServerPlan): Promise<RunningServer> => {
  const { user } = plan
  const directory = await mkdtemp(join(tmpdir(), `tenantry-${plan.name}-`))
  const log = serverLog(join(directory, 'server.log'))
  const stopSignal = plan.stopSignal ?? 'SIGTERM'
  const guardian = openGuardian({
    directory,
    log: log.path,
    env: { PATH: process.env.PATH ?? '', LC_ALL: 'C', TZ: 'UTC', ...plan.env },
    ...(user && { uid: user.uid, gid: user.gid }),
    stopSignal,
    graceMs: plan.graceMs ?? 5_000,
  })

  const room: ServerRoom = {
    directory,
    write: async (name, text) => {
      const path = join(directory, name)
      await writeFile(path, text, { mode: 0o600 })
      if (user) await chown(path, user.uid, user.gid)
      return path
    },
    run: async (command, args) => {
      const before = await log.size()
      const how = await guardian.run(command, args)
      if (how !== 0) throw new Error(`${command} failed (${how}):\n${await log.tail(before)}`)
    },
  }

  let pid: number | undefined
  /** Resolves with whether the port was free. */
  const launch = async (port: number): Promise<boolean> => {
    const before = await log.size()
    const { command, args } = await plan.command(room, port)
    pid = await guardian.start(command, args)
    const deadline = Date.now() + readyMs
    for (;;) {
      const failure = await plan.ready(port).then(
        () => undefined,
        (error: unknown) => ({ error }),
      )
      // Asked first: what answers on the port may be another server, the reason why ours could not stay.
      const how = guardian.ended()
      if (how !== undefined || (failure && Date.now() > deadline)) {
        const output = await log.tail(before)
        if (how !== undefined && portTaken.test(output)) return false
        const why = how === undefined ? `was not ready within ${readyMs / 1000} s` : `ended while starting (${how})`
        throw new Error(`The ${plan.name} server ${why}:\n${output}`, { cause: failure?.error })
      }
      if (!failure) return true
      await sleep(20)
    }
  }
  const launchSomewhere = async () => {
    for (let attempt = 0; attempt < 5; attempt++) {
      const port = await freePort()
      if (await launch(port)) return port
    }
    throw new Error(`The ${plan.name} server found no free port in five attempts.`)
  }

  try {
    if (user) await chown(directory, user.uid, user.gid)
    await plan.prepare?.(room)
    const port = await launchSomewhere()
    let stopping: Promise<void> | undefined
    return {
      port,
      directory,
      get pid() {
        return pid
      },
      down: (signal = stopSignal) => guardian.end(signal),
      up: async () => {
        if (!(await launch(port))) throw new Error(`Port ${port} of the ${plan.name} server was taken meanwhile.`)
      },
      death: async () => {
        const how = guardian.ended()
        return how === undefined ? undefined : { how, log: await log.tail(0) }
      },
      stop: () => {
        stopping ??= guardian.close()
        return stopping
      },
    }
  } catch (error) {
    await guardian.close()
    throw error
  }
}
