import { once } from 'node:events'
import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Strike } from './fault-rules.ts'
import { type Frame, messageFramers } from './message-framer.ts'
import type { Direction } from './message-names.ts'

/** A client, the server, and what is done to each message between them. */
export interface ProxyConnectionOptions {
  /** Both with `allowHalfOpen`: an end travels through the proxy like any other byte. */
  readonly client: Socket
  readonly server: Socket
  inspect(on: Direction, frame: Frame): Strike | undefined
}

/** A connection through the proxy. */
export interface ProxyConnection {
  /** Resolves when both sides are closed. @throws what `inspect` threw, which resets the connection. */
  readonly done: Promise<void>
  /** Closes both sides at once. */
  abandon(): void
}

/** Everything written before has left this process. */
const flushed = (socket: Socket) =>
  new Promise<void>(resolve => {
    if (socket.destroyed || socket.writableEnded) resolve()
    else socket.write('', () => resolve())
  })

/** Forwards messages both ways. */
export const proxyConnection = ({ client, server, inspect }: ProxyConnectionOptions): ProxyConnection => {
  const framers = messageFramers()
  const sockets = [client, server]
  const over = new AbortController()
  const ended = once(over.signal, 'abort')
  const failures: unknown[] = []

  /** From now on what arrives is read and forgotten: closing a socket with unread bytes would be a reset. */
  const cut = () => {
    over.abort()
    for (const socket of sockets) socket.end()
  }
  const reset = async () => {
    over.abort()
    // A peer that does not read must not keep the other from hearing of it.
    await Promise.race([Promise.all(sockets.map(flushed)), sleep(1_000, undefined, { ref: false })])
    // A reset takes from a peer what it has not read yet: give it the time to.
    await sleep(10)
    for (const socket of sockets) socket.resetAndDestroy()
  }

  const forward = async (on: Direction, frame: Frame, to: Socket): Promise<void> => {
    if (over.signal.aborted) return
    const strike = inspect(on, frame)
    const { fault } = strike ?? {}
    if (fault === 'hold') await Promise.race([strike?.released, ended])
    else if (typeof fault === 'object') await Promise.race([sleep(fault.delay), ended])
    // The other direction may have ended the connection meanwhile.
    if (over.signal.aborted) return
    if (fault === 'cut') return cut()
    if (fault === 'reset') return reset()
    if (fault === 'truncate') {
      to.write(frame.bytes.subarray(0, Math.floor(frame.bytes.length / 2)))
      return cut()
    }
    if (!to.write(frame.bytes)) await Promise.race([once(to, 'drain'), ended])
  }

  const pump = async (on: Direction, from: Socket, to: Socket): Promise<void> => {
    try {
      for await (const chunk of from.iterator({ destroyOnReturn: false })) {
        for (const frame of framers[on].push(chunk as Buffer)) await forward(on, frame, to)
      }
      for (const frame of framers[on].end()) await forward(on, frame, to)
      if (!over.signal.aborted) to.end()
    } catch (error) {
      // A socket that fails has ended the connection before its loop hears of it: this is an error of `inspect`.
      if (!over.signal.aborted) {
        failures.push(error)
        await reset()
      }
    }
  }

  const closed = sockets.map(socket => {
    // One side's failure is the other's reset, as without a proxy.
    socket.on('error', () => void reset())
    return new Promise<void>(resolve => socket.once('close', () => resolve()))
  })
  const run = async () => {
    await Promise.all([pump('frontend', client, server), pump('backend', server, client), ...closed])
    if (failures.length > 0) throw failures[0]
  }
  return {
    done: run(),
    abandon: () => {
      over.abort()
      for (const socket of sockets) socket.destroy()
    },
  }
}
