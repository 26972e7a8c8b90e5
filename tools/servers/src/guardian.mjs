// Runs one server on behalf of a parent process, and survives the parent just long enough to stop that server.
//
// The parent holds the other end of standard input. Whatever ends the parent (return, Ctrl-C, SIGKILL, a crash) closes
// that pipe, and this process then stops the server, removes its directory and ends. Plain JavaScript, no imports but
// Node's own: it has to run without a loader, also while the parent's is broken.
//
// Protocol: one JSON object a line. First the room ({ directory, log, env, uid, gid, stopSignal, graceMs }), then requests
// ({ id, do: 'run' | 'start' | 'end', … }), each answered by a line with its id. `{ ended }` says that the server is gone.
import { spawn } from 'node:child_process'
import { closeSync, openSync, rmSync } from 'node:fs'
import { createInterface } from 'node:readline'

let room
let current
let closing = false

const send = message => process.stdout.write(`${JSON.stringify(message)}\n`)

const launch = ({ command, args }) => {
  const log = openSync(room.log, 'a')
  const child = spawn(command, args, {
    cwd: room.directory,
    env: room.env,
    uid: room.uid,
    gid: room.gid,
    // A pipe for standard input: servers that watch it end with this process, should this process be killed.
    stdio: ['pipe', log, log],
  })
  closeSync(log)
  const gone = new Promise(resolve => {
    child.once('error', error => resolve(error.message))
    child.once('exit', (code, signal) => resolve(signal ?? code))
  })
  current = { child, gone }
  void gone.then(() => {
    if (current?.child === child) current = undefined
  })
  return current
}

const end = async (signal, graceMs) => {
  if (!current) return
  const { child, gone } = current
  child.kill(signal)
  const timer = setTimeout(() => child.kill('SIGKILL'), graceMs)
  await gone
  clearTimeout(timer)
}

const requests = {
  run: async message => ({ ended: await launch(message).gone }),
  start: async message => {
    const { child, gone } = launch(message)
    void gone.then(ended => send({ ended }))
    return { pid: child.pid }
  },
  end: async ({ signal }) => {
    await end(signal, room.graceMs)
    return {}
  },
}

const shutdown = async () => {
  if (closing) return
  closing = true
  if (room) {
    await end(room.stopSignal, room.graceMs)
    // A killed server's children may still be writing for a moment.
    rmSync(room.directory, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
  }
  process.exit(0)
}

const receive = async line => {
  const message = JSON.parse(line)
  if (!room) {
    room = message
    return
  }
  if (!closing) send({ id: message.id, ...(await requests[message.do](message)) })
}

const input = createInterface({ input: process.stdin })
input.on('line', receive)
input.on('close', shutdown)
process.stdin.on('error', shutdown)
// A parent that is gone reads no answers; standard input tells the same news and does the work.
process.stdout.on('error', () => shutdown())
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, shutdown)
