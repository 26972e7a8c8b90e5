import { AsyncResource } from 'node:async_hooks'
import { EventEmitter, once } from 'node:events'
import { access } from 'node:fs'
import { Readable, Transform } from 'node:stream'
import { setImmediate as immediate } from 'node:timers/promises'
import { MessageChannel } from 'node:worker_threads'
import type { Tenancy } from '@tenantry/core'

/** How a piece of work gets from the unit of work that hands it in to where it is called. */
export interface Carriage {
  /** Runs as the tenant that hands the work in. */
  given<T>(fn: () => T): T
  /** Runs as the tenant in whose unit of work it is called. */
  called<T>(fn: () => T): T
  readonly tenancy: Pick<Tenancy, 'bind' | 'capture' | 'resume'>
}

/** A way in which JavaScript calls something later, or from elsewhere (threats, section 1.6). */
export interface Primitive {
  readonly name: string
  /** Whose the work is: of the tenant that hands it in, by itself, by `bind` or by an envelope; or of the one that calls it. */
  readonly whose: 'giver' | 'bound' | 'envelope' | 'caller'
  /** Resolves to what the work does. */
  carry<T>(work: () => Promise<T>, carriage: Carriage): Promise<T>
}

/** What the giver starts by itself goes on as the giver, while the caller's unit of work runs. */
function later(name: string, start: (go: () => void) => void): Primitive {
  return {
    name,
    whose: 'giver',
    async carry<T>(work: () => Promise<T>, { given, called }: Carriage) {
      const done = given(() => new Promise<T>(resolve => start(() => resolve(work()))))
      const [result] = await Promise.all([done, called(() => immediate())])
      return result
    },
  }
}

/** What the giver hands in with `bind`, the caller sets off. */
function bound(name: string, arm: (go: () => void) => () => void): Primitive {
  return {
    name,
    whose: 'bound',
    carry<T>(work: () => Promise<T>, { given, called, tenancy }: Carriage) {
      return new Promise<T>(resolve => {
        const fire = given(() => arm(tenancy.bind(() => resolve(work()))))
        called(fire)
      })
    },
  }
}

/** What the giver makes and the caller calls acts for the caller. */
function plain(name: string, make: <T>(work: () => Promise<T>) => () => Promise<T>): Primitive {
  return {
    name,
    whose: 'caller',
    async carry<T>(work: () => Promise<T>, { given, called }: Carriage) {
      const call = given(() => make(work))
      return called(call)
    },
  }
}

/** The ways, as data. */
export const primitives: readonly Primitive[] = [
  later('await', async go => {
    await immediate()
    go()
  }),
  later('then', go => void Promise.resolve().then(go)),
  later('queueMicrotask', go => queueMicrotask(go)),
  later('process.nextTick', go => process.nextTick(go)),
  later('setTimeout', go => void setTimeout(go, 1)),
  later('setImmediate', go => void setImmediate(go)),
  later('setInterval', go => {
    const timer = setInterval(() => {
      clearInterval(timer)
      go()
    }, 1)
  }),
  later('a callback of node:fs', go => access('.', go)),
  later('an AsyncResource', go => {
    const resource = new AsyncResource('conformance')
    setImmediate(() => resource.runInAsyncScope(go))
  }),
  later('events.once', async go => {
    const emitter = new EventEmitter()
    setImmediate(() => emitter.emit('go'))
    await once(emitter, 'go')
    go()
  }),

  bound('a callback', go => go),
  bound('an emitter', go => {
    const emitter = new EventEmitter().once('go', go)
    return () => void emitter.emit('go')
  }),
  bound('an AbortSignal', go => {
    const controller = new AbortController()
    controller.signal.addEventListener('abort', go)
    return () => controller.abort()
  }),
  bound('a readable stream', go => {
    const stream = new Readable({ read: () => undefined }).once('data', go)
    return () => void stream.push('chunk')
  }),
  bound('a transform', go => {
    const stream = new Transform({
      transform(_chunk, _encoding, done) {
        go()
        done()
      },
    })
    return () => void stream.write('chunk')
  }),
  bound('a message port', go => {
    const { port1, port2 } = new MessageChannel()
    port2.once('message', () => {
      go()
      port1.close()
    })
    return () => port1.postMessage('go')
  }),
  bound('a batcher', go => {
    const batch = [go]
    return () =>
      queueMicrotask(() => {
        for (const load of batch.splice(0)) load()
      })
  }),
  bound('a queue of a timer', go => () => void setTimeout(go, 1)),

  {
    name: 'an envelope',
    whose: 'envelope',
    async carry<T>(work: () => Promise<T>, { given, called, tenancy }: Carriage) {
      // As text, since that is how it gets to another process.
      const message = given(() => JSON.stringify(tenancy.capture()))
      await immediate()
      return (await called(() => tenancy.resume(JSON.parse(message), work))) as T
    },
  },

  plain('a call', work => work),
  plain('a listener', <T>(work: () => Promise<T>) => {
    const emitter = new EventEmitter()
    const done = new Promise<T>(resolve => emitter.once('go', () => resolve(work())))
    return () => {
      emitter.emit('go')
      return done
    }
  }),
  plain('a generator', <T>(work: () => Promise<T>) => {
    const steps = (function* () {
      yield work()
    })()
    return () => steps.next().value as Promise<T>
  }),
  plain('an async generator', <T>(work: () => Promise<T>) => {
    const steps = (async function* () {
      yield await work()
    })()
    return async () => (await steps.next()).value as T
  }),
  plain('a thenable', <T>(work: () => Promise<T>) => {
    // biome-ignore lint/suspicious/noThenProperty: a thenable is what this is about
    const thenable = { then: (resolve: (value: Promise<T>) => void) => resolve(work()) }
    return async () => (await thenable) as T
  }),
  plain('a memoised promise', <T>(work: () => Promise<T>) => {
    const memo = Promise.resolve(work)
    return async () => (await memo)()
  }),
]
