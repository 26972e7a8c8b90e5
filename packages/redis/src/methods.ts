import { Redis } from 'ioredis'

/** Makes and sends a command; what it returns is what the method returns. */
export type Send = (name: unknown, args: unknown[], encoding: BufferEncoding | null) => unknown

const sender = Symbol('sender')
type Sender = { readonly [sender]: Send }

// Every command that ioredis knows, so that one which is refused says so, and is not "not a function".
const commands = Object.create(null) as object
for (const name of [...Redis.prototype.getBuiltinCommands(), 'monitor']) {
  define(
    name,
    send =>
      (...args: unknown[]) =>
        send(name, args, 'utf8'),
  )
  define(
    `${name}Buffer`,
    send =>
      (...args: unknown[]) =>
        send(name, args, null),
  )
}
define(
  'call',
  send =>
    (name: unknown, ...args: unknown[]) =>
      send(name, args, 'utf8'),
)
define(
  'callBuffer',
  send =>
    (name: unknown, ...args: unknown[]) =>
      send(name, args, null),
)

// Hundreds of methods, of which a handle uses some: each is made when it is first asked for, and needs no `this` then.
function define(name: string, methodOf: (send: Send) => unknown): void {
  Object.defineProperty(commands, name, {
    get(this: Sender) {
      const value = methodOf(this[sender])
      Object.defineProperty(this, name, { value })
      return value
    },
  })
}

/** An object with a method for each command of Redis, and its own members. */
export function methodsOf<Own extends object>(send: Send, own: Own): Own {
  return Object.create(commands, { ...Object.getOwnPropertyDescriptors(own), [sender]: { value: send } })
}
