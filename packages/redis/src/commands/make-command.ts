import { Command } from 'ioredis'
import { refusal } from './refusal.ts'
import { allowedNames } from './scope-command.ts'

const known: ReadonlySet<unknown> = allowedNames

/**
 * A command of ioredis, not sent yet.
 *
 * @throws {TenancyError} `STATEMENT_REFUSED` for a name that is none: ioredis would look it up in objects of its own.
 */
export function makeCommand(
  name: unknown,
  args: unknown[],
  encoding: BufferEncoding | null,
  callback?: unknown,
): Command {
  if (!known.has(name) && (typeof name !== 'string' || !/^[a-z][a-z0-9._]{0,40}$/i.test(name))) {
    throw refusal('', 'its name is none', 'Call a command by its name.')
  }
  return new Command(name as string, args as never[], { replyEncoding: encoding }, callback as never)
}
