import { AsyncResource } from 'node:async_hooks'
import type { ChainableCommander, Cluster, Command, Redis } from 'ioredis'
import { checkName, makeCommand } from './commands/make-command.ts'
import { refusal } from './commands/refusal.ts'
import { createBatch } from './methods.ts'
import { connectionError } from './redis-error.ts'

/** What a batch is made of. */
export interface BatchParts {
  readonly isTransaction: boolean
  readonly commands: readonly (readonly [name: string, ...args: unknown[]])[] | undefined
  /** By which client they will go, where that is known already. */
  readonly client: Redis | Cluster | undefined
  /** @throws {TenancyError} for a command that must not be sent. */
  scope(command: Command): void
  send(work: (client: Redis | Cluster) => Promise<unknown>): Promise<unknown>
  /** Whether it may be sent now, without waiting for anything. @throws {TenancyError} `SCOPE_MISMATCH` */
  enter(): boolean
}

/** The driver's own pipeline, as far as it is needed. */
type Pipeline = { sendCommand(command: Command): unknown; exec(): Promise<unknown> }

/** Commands that are sent together, with the surface of a pipeline of ioredis. */
export function batchOf({ isTransaction, commands, client, scope, send, enter }: BatchParts): ChainableCommander {
  // Until it is known by which client they go, they are kept here. A pipeline whose `exec` is never called sends nothing.
  const queue: Command[] = []
  const pipeline = client && pipelineOf(client)
  let count = 0
  let isSent = false

  function pipelineOf(each: Redis | Cluster): Pipeline {
    return (isTransaction ? each.multi() : each.pipeline()) as unknown as Pipeline
  }

  function add(name: string, args: unknown[], encoding: BufferEncoding | null, isGiven = false): unknown {
    const callback = typeof args[args.length - 1] === 'function' ? args.pop() : undefined
    const command = makeCommand(isGiven ? checkName(name) : name, args, encoding, callback)
    scope(command)
    count += 1
    if (pipeline === undefined) queue.push(command)
    else pipeline.sendCommand(command)
    return batch
  }

  async function exec(): Promise<unknown> {
    if (isSent) throw refusal('exec', 'the batch was sent already', 'Begin another one.')
    isSent = true
    if (pipeline !== undefined && enter()) return pipeline.exec().then(withCodes, fail)
    return send(each => {
      const sending = pipeline ?? pipelineOf(each)
      for (const command of queue) sending.sendCommand(command)
      return sending.exec().then(withCodes, fail)
    })
  }

  const batch = createBatch({
    add,
    exec(callback) {
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
    count: () => count,
  })
  for (const [name, ...args] of commands ?? []) add(name, args, 'utf8', true)
  return batch as unknown as ChainableCommander
}

/** Gives lost connections their codes, in results that are each an error, or nothing and the answer. */
function withCodes(results: unknown): unknown {
  if (!Array.isArray(results)) return results
  for (let at = 0; at < results.length; at++) {
    const result = results[at] as [Error | null, unknown]
    if (result[0]) result[0] = connectionError(result[0])
  }
  return results
}

function fail(error: Error): never {
  throw connectionError(error)
}
