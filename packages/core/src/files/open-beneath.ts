import { constants, type FileHandle, mkdir, open } from 'node:fs/promises'
import { join } from 'node:path'
import { linked } from './opening.ts'

/**
 * Opens a file beneath a folder, on Linux. Each folder on the way is held open, and the next is looked up in the one that is held, as
 * `openat` does (`/proc/self/fd/N/name`, see proc(5)); no link is followed. So there is no moment in which a folder that somebody
 * puts a link in place of leads anywhere else.
 *
 * @throws {TenancyError} `PATH_INVALID` where a link, or something that is no folder, is in the way. Errors of the file system
 * pass through with the file's own path.
 */
export async function openBeneath(
  root: string,
  parts: readonly [string, ...string[]],
  flags: number,
  makesFolders: boolean,
): Promise<FileHandle> {
  const folders = parts.slice(0, -1)
  const name = parts[parts.length - 1] ?? ''
  let held = await open(root, constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    for (const folder of folders) {
      const place = placeIn(held, folder)
      if (makesFolders) await mkdir(place, 0o700).catch(unlessThere)
      const next = await open(place, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW)
      await held.close()
      held = next
    }
    // Without O_NONBLOCK the opening of a pipe waits for whoever writes into it.
    return await open(placeIn(held, name), flags | constants.O_NOFOLLOW | constants.O_NONBLOCK, 0o600)
  } catch (error) {
    throw linked(error) ?? renamed(error, join(root, ...parts))
  } finally {
    await held.close()
  }
}

function placeIn(folder: FileHandle, name: string): string {
  return `/proc/self/fd/${folder.fd}/${name}`
}

function unlessThere(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EEXIST') throw error
}

/** The number of a folder that was held for a moment says nothing to whoever reads the error. */
function renamed(error: unknown, path: string): unknown {
  if (!(error instanceof Error)) return error
  error.message = error.message.replace(/\/proc\/self\/fd\/\d+\/[^']*/, path)
  return Object.assign(error, { path })
}
