import { type ChildProcess, spawn } from 'node:child_process'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

/** What the guardian is told once, before anything runs. */
export interface GuardianRoom {
  /** Working directory of everything it runs; removed when the guardian ends. */
  readonly directory: string
  /** File that receives the output of everything it runs. */
  readonly log: string
  readonly env: Readonly<Record<string, string>>
  readonly uid?: number
  readonly gid?: number
  readonly stopSignal: NodeJS.Signals
  /** Milliseconds between a signal and SIGKILL. */
  readonly graceMs: number
}

/** The parent's side of `guardian.mjs`. */
export interface Guardian {
  /** Runs a command to its end: exit code, signal name, or why it could not be started. */
  run(command: string, args: readonly string[]): Promise<number | string>
  /** Starts the server; resolves with its process id once it is spawned, not yet ready. */
  start(command: string, args: readonly string[]): Promise<number | undefined>
  /** How the server ended, or undefined while it runs. */
  ended(): number | string | undefined
  /** Signals the server and waits until it is gone. */
  end(signal: NodeJS.Signals): Promise<void>
  /** Stops the server, removes the directory, and waits for both. */
  close(): Promise<void>
}

interface Reply {
  readonly id?: number
  readonly ended?: number | string
  readonly pid?: number
}

const spawnGuardian = () =>
  spawn(process.execPath, [fileURLToPath(new URL('./guardian.mjs', import.meta.url))], {
    cwd: tmpdir(),
    // A session of its own: Ctrl-C in a terminal reaches the parent only, and the guardian acts when the parent is gone.
    detached: true,
    // Nothing of the parent's: NODE_OPTIONS would load its loaders, and secrets do not belong in another process.
    env: {},
    stdio: ['pipe', 'pipe', 'inherit'],
  })

/** Keeps the event loop alive only while an answer is awaited, so that a forgotten `stop()` keeps no process running. */
const keeper = (child: ChildProcess) => {
  const handles = [child, child.stdin as Socket, child.stdout as Socket]
  let awaited = 0
  for (const handle of handles) handle.unref()
  return async <T>(work: Promise<T>): Promise<T> => {
    if (awaited++ === 0) for (const handle of handles) handle.ref()
    try {
      return await work
    } finally {
      if (--awaited === 0) for (const handle of handles) handle.unref()
    }
  }
}

/** Starts a guardian for one server. It stops that server and removes its directory however this process ends. */
export const openGuardian = (room: GuardianRoom): Guardian => {
  const child = spawnGuardian()
  const keep = keeper(child)
  const pending = new Map<number, { resolve(reply: Reply): void; reject(error: Error): void }>()
  let lastId = 0
  let ended: number | string | undefined

  const closed = new Promise<number | string>(resolve => {
    child.once('error', error => resolve(error.message))
    child.once('exit', (code, signal) => resolve(signal ?? code ?? 0))
  })
  void closed.then(how => {
    ended ??= `the guardian ended (${how})`
    for (const { reject } of pending.values()) reject(new Error(`The server's guardian ended (${how}).`))
  })
  // A write to a guardian that is gone; its exit rejects whatever waits for an answer.
  child.stdin.on('error', () => undefined)
  createInterface({ input: child.stdout }).on('line', line => {
    const reply = JSON.parse(line) as Reply
    if (reply.id === undefined) ended = reply.ended
    else pending.get(reply.id)?.resolve(reply)
  })

  const write = (message: object) => child.stdin.write(`${JSON.stringify(message)}\n`)
  const request = async (message: { do: 'run' | 'start' | 'end' } & Record<string, unknown>): Promise<Reply> => {
    if (child.exitCode !== null || child.signalCode !== null) throw new Error("The server's guardian has ended.")
    const id = ++lastId
    const answer = new Promise<Reply>((resolve, reject) => pending.set(id, { resolve, reject }))
    write({ id, ...message })
    return keep(answer).finally(() => pending.delete(id))
  }

  write(room)
  return {
    run: async (command, args) => (await request({ do: 'run', command, args })).ended ?? 0,
    start: async (command, args) => {
      ended = undefined
      return (await request({ do: 'start', command, args })).pid
    },
    ended: () => ended,
    end: async signal => {
      await request({ do: 'end', signal })
    },
    close: async () => {
      child.stdin.end()
      const how = await keep(closed)
      if (how !== 0) throw new Error(`The server's guardian failed (${how}); "${room.directory}" may be left over.`)
    },
  }
}
