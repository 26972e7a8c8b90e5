import { Redis } from 'ioredis'

/** Makes and sends a command; what it returns is what the method returns. */
export type Send = (name: unknown, args: unknown[], encoding: BufferEncoding | null) => unknown

/** Where an object with the methods of Redis keeps how it sends. */
export const sender = Symbol('sender')
type Sender = { readonly [sender]: Send }

/** A batch of commands: its methods give it back, so that calls can stand in a row. */
export interface Batch extends Sender {
  readonly __proto__: object
  exec(callback?: (error: unknown, results?: unknown) => void): Promise<unknown>
  readonly length: number
}

/** The methods of a batch, by its own `this`. There are many batches, so that nothing is made for each. */
export const batchMethods = Object.create(null) as object

// Hundreds of methods, of which a handle uses some: each is made when it is first asked for, and needs no `this` then.
const handleMethods = Object.create(null) as object

function define(name: string, send: (sender: Send, args: unknown[]) => unknown): void {
  Object.defineProperty(batchMethods, name, {
    value(this: Sender, ...args: unknown[]) {
      return send(this[sender], args)
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
define('call', (send, [name, ...args]) => send(name, args, 'utf8'))
define('callBuffer', (send, [name, ...args]) => send(name, args, null))

/** An object with a method for each command of Redis, and its own members. */
export function methodsOf<Own extends object>(send: Send, own: Own): Own {
  return Object.create(handleMethods, { ...Object.getOwnPropertyDescriptors(own), [sender]: { value: send } })
}
