import { TenancyError } from '@tenantry/core'
import { type ChainableCommander, Command, Redis, type RedisOptions } from 'ioredis'
import { checkArguments, isWritable } from '../commands/make-command.ts'
import { refusal } from '../commands/refusal.ts'
import { isOfLogin } from '../redis-error.ts'

/** What stands between a connection and its server. */
export interface Fence {
  /**
   * @param giveUp - ends the connection that the command is sent on.
   * @throws {TenancyError} for a command that must not be sent; replaces names in all others.
   */
  scope(command: Command, giveUp: () => void): void
  /** @throws {TenancyError} `SCOPE_MISMATCH` in another tenant's unit of work. */
  enter(): void
  /** @throws {TenancyError} for a script that a tenant must not run. */
  checkScript(lua: string): unknown
  /** The tenant's name of a channel or pattern. @throws {TenancyError} `REPLY_FOREIGN` */
  unwrap(name: unknown): unknown
}

type Batch = [name: string, ...args: unknown[]][]
type Queue = ChainableCommander & { sendCommand(command: Command): unknown; addBatch(batch: Batch): unknown }

// Where a connection leads, and as whom, is decided by the isolation.
const given = ['host', 'port', 'path', 'sentinels', 'db', 'username', 'password', 'keyPrefix', 'replyMapping'] as const

const transactional = new Set(['multi', 'exec', 'discard'])

/**
 * A connection of ioredis whose every command goes through a fence: its own, those of pipelines, transactions, scripts, of libraries
 * that hold it, and of the connections that they duplicate from it.
 *
 * @param onMade - told of this connection, and of each duplicate.
 */
export function fencedRedis(options: RedisOptions, fence: Fence, onMade: (connection: Redis) => void): Redis {
  // ioredis sends a command again after a reconnection, with its names replaced already.
  const scoped = new WeakSet<Command>()
  const subscribed = { subscribe: new Set<string>(), psubscribe: new Set<string>(), ssubscribe: new Set<string>() }

  function scope(command: Command, isQueued: boolean): void {
    if (scoped.has(command)) return
    if (transactional.has(command.name.toLowerCase()) && !isQueued) {
      throw refusal(command.name, 'answers within a transaction of this kind cannot be read', 'Use multi() … exec().')
    }
    fence.scope(command, () => connection.disconnect(true))
    scoped.add(command)
    if (/subscribe$/i.test(command.name)) command.promise.then(() => remember(command), ignore)
  }

  function remember({ name, args }: Command): void {
    const kind = name.toLowerCase().replace('un', '') as keyof typeof subscribed
    const names = args.map(String)
    if (!name.toLowerCase().includes('un')) for (const each of names) subscribed[kind].add(each)
    else if (names.length === 0) subscribed[kind].clear()
    else for (const each of names) subscribed[kind].delete(each)
  }

  function queue(pipeline: ChainableCommander, batch: unknown): ChainableCommander {
    const { sendCommand } = pipeline as Queue
    ;(pipeline as Queue).sendCommand = function (this: Queue, command) {
      checkArguments(command)
      // Here and not when it is sent: one that is refused in the middle would leave the rest waiting for it.
      scope(command, true)
      return sendCommand.call(this, command)
    }
    const { exec } = pipeline
    // Whose commands were scoped in one unit of work may be sent in another.
    pipeline.exec = function (this: ChainableCommander, ...args) {
      fence.enter()
      return exec.apply(this, args)
    }
    if (Array.isArray(batch)) (pipeline as Queue).addBatch(batch as Batch)
    return pipeline
  }

  class FencedRedis extends Redis {
    override sendCommand(command: Command, stream?: Parameters<Redis['sendCommand']>[1]): unknown {
      // Its promise says why already.
      if (!isWritable(command)) return command.promise
      try {
        // What a pipeline sends it has scoped, but for the MULTI that it begins with by itself.
        scope(command, stream !== undefined)
      } catch (error) {
        command.reject(error as Error)
        return command.promise
      }
      return super.sendCommand(command, stream)
    }

    override pipeline(batch?: unknown): ChainableCommander {
      return queue(super.pipeline(), batch)
    }

    override multi(batch?: unknown): never {
      // The type of ioredis knows a form that answers at once, which is refused above.
      return queue(super.multi(), batch) as never
    }

    override defineCommand(name: string, definition: Parameters<Redis['defineCommand']>[1]): void {
      // Later it is known by its digest only.
      fence.checkScript(definition.lua)
      super.defineCommand(name, definition)
    }

    override duplicate(override: Partial<RedisOptions> = {}): never {
      for (const field of given) {
        if (field in override && override[field] !== this.options[field]) {
          throw new TenancyError('ARGUMENT_INVALID', { field, rule: 'must be as in the connection that is duplicated' })
        }
      }
      return fencedRedis({ ...this.options, ...override }, fence, onMade) as never
    }

    override recoverFromFatalError(...args: Parameters<Redis['recoverFromFatalError']>): void {
      // Everybody who waits is given this error, and whoever listens: it holds the command, with the password in it.
      if (isOfLogin(args[1])) delete args[1].command
      super.recoverFromFatalError(...args)
    }

    override emit(event: string | symbol, ...args: unknown[]): boolean {
      const names = typeof event === 'string' ? /^(p|s)?message(?:Buffer)?$/.exec(event) : null
      if (names === null) return super.emit(event, ...args)
      const count = names[1] === 'p' ? 2 : 1
      let seen: unknown[]
      try {
        seen = args.map((arg, at) => (at < count ? fence.unwrap(arg) : arg))
      } catch (error) {
        // Nobody awaits a message. A connection that brings what is not the tenant's says nothing more.
        this.disconnect(true)
        // Without a listener, emitting it would end the process.
        return this.silentEmit('error', error) === true
      }
      return super.emit(event, ...seen)
    }
  }

  const fixed: RedisOptions & { readonly replyMapping?: 'legacy' } = { ...options, replyMapping: 'legacy' }
  const connection = new FencedRedis({ ...fixed, enableAutoPipelining: false, autoResubscribe: false })
  onMade(connection)
  let isFirst = true
  connection.on('ready', () => {
    if (isFirst) {
      isFirst = false
      return
    }
    for (const [name, names] of Object.entries(subscribed)) {
      if (names.size === 0) continue
      const again = new Command(name, [...names] as never[])
      scoped.add(again)
      connection.sendCommand(again)
      again.promise.catch(ignore)
    }
  })
  return connection
}

function ignore(): void {
  // Whoever sent the command hears of it; for one that is sent again, the next reconnection tries again.
}
