import type { ChainableCommander, Redis, RedisOptions } from 'ioredis'
import type { commandTable } from './commands/command-table.ts'
import type { KeyNaming } from './commands/names.ts'

type Words<Text extends string, All = never> = Text extends `${infer Word} ${infer Rest}`
  ? Words<Rest, All | Word>
  : All | Text

type SharedCommand =
  | Words<(typeof commandTable)[Exclude<keyof typeof commandTable, '2'>]>
  | Words<'object xgroup xinfo memory keys scan sort copy xread xreadgroup eval eval_ro evalsha evalsha_ro fcall fcall_ro'>
  | Words<'georadius georadiusbymember script publish spublish pubsub ping echo time call cluster sort_ro'>

type CommandMethods = Pick<Redis, Extract<keyof Redis, SharedCommand | `${SharedCommand}Buffer`>>

/** Options of {@link TenantRedis.connection}. */
export interface ConnectionOptions
  extends Pick<
    RedisOptions,
    'maxRetriesPerRequest' | 'connectionName' | 'enableOfflineQueue' | 'commandTimeout' | 'retryStrategy'
  > {
  /**
   * `logical`: names are given without the tenant's prefix, as everywhere. `physical`: with it, for libraries that make names of keys
   * themselves, as BullMQ does in its scripts; a name without it is refused. Default `logical`.
   */
  readonly keys?: KeyNaming
  /**
   * `any` believes the scripts of a library, whose keys are then looked at only where they are declared. Say so for one that you
   * know, or let the server keep them within their keys (`users`). Default as the isolation has it.
   */
  readonly scripts?: 'checked' | 'any'
}

/** Options of {@link TenantRedis.flushTenant}. */
export interface FlushOptions {
  /** Told how many keys were removed so far. */
  readonly onProgress?: (removed: number) => void
}

/**
 * Redis as one tenant has it: the commands of ioredis, with its types, on a connection that tenants share. Keys and channels are named
 * as if nobody else were there. What could reach others is refused with `STATEMENT_REFUSED`, and not sent.
 */
export interface TenantRedis extends CommandMethods {
  /** What stands in front of the tenant's keys and channels on the server: `t:acme:`. */
  readonly prefix: string
  /** Commands that are sent together. One that is refused throws at once, and none is sent. */
  pipeline(commands?: readonly (readonly [name: string, ...args: unknown[]])[]): ChainableCommander
  /** The same as one transaction. For `WATCH`, take a connection of your own. */
  multi(commands?: readonly (readonly [name: string, ...args: unknown[]])[]): ChainableCommander
  /**
   * A connection of the tenant's own: a client of ioredis as libraries want it, for subscriptions, `WATCH`, and all that would change a
   * connection which is shared. It stays the tenant's wherever it is used; in another tenant's unit of work it refuses with
   * `SCOPE_MISMATCH`. Yours: call `disconnect()`; the isolation closes what is left.
   */
  connection(options?: ConnectionOptions): Promise<Redis>
  /** All keys that match the pattern, on all nodes of a cluster; a key may come twice. Default all of the tenant's. */
  scanAll(pattern?: string): AsyncIterable<string>
  /** Removes all keys of the tenant, a part at a time, and says how many there were. */
  flushTenant(options?: FlushOptions): Promise<number>
}
