import { AsyncResource } from 'node:async_hooks'
import type { ChainableCommander, Cluster, Command, Redis } from 'ioredis'
import { makeCommand } from './commands/make-command.ts'
import { refusal } from './commands/refusal.ts'
import { type Batch, batchMethods, sender } from './methods.ts'
import { connectionError } from './redis-error.ts'

/** What a batch is made of. */
export interface BatchParts {
  readonly isTransaction: boolean
  readonly commands: readonly (readonly [name: string, ...args: unknown[]])[] | undefined
  /** @throws {TenancyError} for a command that must not be sent. */
  scope(command: Command): void
  send(work: (client: Redis | Cluster) => Promise<unknown>): Promise<unknown>
}

/** The driver's own pipeline, as far as it is needed. */
type Pipeline = { sendCommand(command: Command): unknown; exec(): Promise<unknown> }

/** Commands that are sent together, with the surface of a pipeline of ioredis. */
export function batchOf({ isTransaction, commands, scope, send }: BatchParts): ChainableCommander {
  const queue: Command[] = []
  let isSent = false

  function add(name: unknown, args: unknown[], encoding: BufferEncoding | null): unknown {
    const callback = typeof args.at(-1) === 'function' ? args.pop() : undefined
    const command = makeCommand(name, args, encoding, callback)
    scope(command)
    queue.push(command)
    return batch
  }

  async function exec(): Promise<unknown> {
    if (isSent) throw refusal('exec', 'the batch was sent already', 'Begin another one.')
    isSent = true
    return send(async client => {
      const pipeline = (isTransaction ? client.multi() : client.pipeline()) as unknown as Pipeline
      for (const command of queue) pipeline.sendCommand(command)
      try {
        const results = await pipeline.exec()
        if (Array.isArray(results)) for (const result of results) withCode(result as [Error | null, unknown])
        return results
      } catch (error) {
        throw connectionError(error as Error)
      }
    })
  }

  const batch: Batch = {
    __proto__: batchMethods,
    [sender]: add,
    exec(callback?: (error: unknown, results?: unknown) => void) {
      const results = exec()
      if (callback !== undefined) {
        const bound = AsyncResource.bind(callback)
        results.then(
          value => bound(null, value),
          (error: unknown) => bound(error),
        )
      }
      return results
    },
    get length() {
      return queue.length
    },
  }
  for (const [name, ...args] of commands ?? []) add(name, args, 'utf8')
  return batch as unknown as ChainableCommander
}

/** Gives a lost connection its code, in a result that is an error, or nothing and the answer. */
function withCode(result: [Error | null, unknown]): void {
  if (result[0]) result[0] = connectionError(result[0])
}
