import { TenancyError } from '@tenantry/core'
import { Command } from 'ioredis'
import { refusal } from './refusal.ts'

/**
 * The name of a command that a caller gave as a value.
 *
 * @throws {TenancyError} `STATEMENT_REFUSED` for one that is none: ioredis would look it up in objects of its own.
 */
export function checkName(name: unknown): string {
  if (typeof name === 'string' && /^[a-z][a-z0-9._]{0,40}$/i.test(name)) return name
  throw refusal('', 'its name is none', 'Call a command by its name.')
}

/**
 * A command of ioredis, not sent yet.
 *
 * @param name - one that ioredis knows, or that was checked.
 * @throws {TenancyError} `ARGUMENT_INVALID` for arguments that cannot be written.
 */
export function makeCommand(
  name: string,
  args: unknown[],
  encoding: BufferEncoding | null,
  callback?: unknown,
): Command {
  const command = new Command(name, args as never[], { replyEncoding: encoding }, callback as never)
  checkArguments(command)
  return command
}

/**
 * Whether ioredis could make text of all arguments. It cannot of an object such as `{ "toString": 1 }`, which JSON and query strings can
 * hold, and then gives up in the middle: it would fail to write the command when others of its pipeline are waiting already, whose
 * answers would be those to the next caller's commands (threats C9).
 */
export function isWritable(command: Command): boolean {
  return (command.resolve as unknown) !== undefined
}

/** @throws {TenancyError} `ARGUMENT_INVALID` */
export function checkArguments(command: Command): void {
  if (isWritable(command)) return
  // It has been rejected with the same, and nobody waits for it.
  command.promise.catch(() => undefined)
  throw new TenancyError('ARGUMENT_INVALID', { field: 'args', rule: 'must be texts, numbers and buffers' })
}
