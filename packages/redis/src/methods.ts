import { Redis } from 'ioredis'

/**
 * Makes and sends a command; what it returns is what the method returns.
 *
 * @param isGiven - whether the name is a value that the caller gave, and may be anything.
 */
export type Send = (name: string, args: unknown[], encoding: BufferEncoding | null, isGiven?: boolean) => unknown

/** Where a handle keeps how it sends. */
const sender = Symbol('sender')
type Sender = { readonly [sender]: Send }

/** A batch of commands, as its user has it. */
export interface Batch {
  exec(callback?: (error: unknown, results?: unknown) => void): Promise<unknown>
  readonly length: number
}

/** What a batch does. */
export interface BatchActions {
  readonly add: Send
  readonly exec: Batch['exec']
  count(): number
}

const actions = Symbol('actions')
type WithActions = { readonly [actions]: BatchActions }

// By their own `this`: there are many batches, so that nothing is made for each. Object.create gives all of them one shape, which a
// literal with its prototype in it does not: the engine would look up every call anew.
const batchMethods = Object.create(null) as object

/** An object with a method for each command of Redis, which gives back what `add` does, so that calls can stand in a row. */
export function createBatch(of: BatchActions): Batch {
  const batch = Object.create(batchMethods)
  batch[actions] = of
  return batch
}

// Hundreds of methods, of which a handle uses some: each is made when it is first asked for, and needs no `this` then.
const handleMethods = Object.create(null) as object

function define(name: string, send: (sender: Send, args: unknown[]) => unknown): void {
  Object.defineProperty(batchMethods, name, {
    configurable: true,
    value(this: WithActions, ...args: unknown[]) {
      return send(this[actions].add, args)
    },
  })
  Object.defineProperty(handleMethods, name, {
    get(this: Sender) {
      const own = this[sender]
      const value = (...args: unknown[]) => send(own, args)
      Object.defineProperty(this, name, { value })
      return value
    },
  })
}

// Every command that ioredis knows, so that one which is refused says so, and is not "not a function".
for (const name of [...Redis.prototype.getBuiltinCommands(), 'monitor']) {
  define(name, (send, args) => send(name, args, 'utf8'))
  define(`${name}Buffer`, (send, args) => send(name, args, null))
}
define('call', (send, [name, ...args]) => send(name as string, args, 'utf8', true))
define('callBuffer', (send, [name, ...args]) => send(name as string, args, null, true))

Object.defineProperties(batchMethods, {
  exec: {
    value(this: WithActions, callback?: Parameters<Batch['exec']>[0]) {
      return this[actions].exec(callback)
    },
  },
  length: {
    get(this: WithActions) {
      return this[actions].count()
    },
  },
})

/** An object with a method for each command of Redis, and its own members. */
export function methodsOf<Own extends object>(send: Send, own: Own): Own {
  return Object.create(handleMethods, { ...Object.getOwnPropertyDescriptors(own), [sender]: { value: send } })
}
