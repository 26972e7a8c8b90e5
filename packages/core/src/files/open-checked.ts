import { constants, type FileHandle, lstat, mkdir, open, realpath } from 'node:fs/promises'
import { join } from 'node:path'
import { crooked, linked } from './opening.ts'

/**
 * Opens a file beneath a folder where there is no `/proc`: each folder is looked at before, and after the file is open it is compared
 * with what stands at its path. Node knows no `openat`, so that between the two a folder may be a link for a moment: a file that was
 * reached through it is closed unread and unwritten, but one that had to be made is left there, empty.
 *
 * @throws {TenancyError} as `openBeneath`
 */
export async function openChecked(
  root: string,
  parts: readonly [string, ...string[]],
  flags: number,
  makesFolders: boolean,
): Promise<FileHandle> {
  let folder = await realpath(root)
  for (const part of parts.slice(0, -1)) {
    folder = join(folder, part)
    if (makesFolders)
      await mkdir(folder, 0o700).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'EEXIST') throw linked(error) ?? error
      })
    await refuseLink(folder)
  }
  const path = join(folder, parts[parts.length - 1] ?? '')
  // Windows has neither flag; there the comparison below is all.
  const { O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants
  const file = await open(path, flags | O_NOFOLLOW | O_NONBLOCK, 0o600).catch((error: unknown) => {
    throw linked(error) ?? error
  })
  try {
    const [real, there, own] = [
      await realpath(path),
      await lstat(path, { bigint: true }),
      await file.stat({ bigint: true }),
    ]
    if (real !== path || there.ino !== own.ino || there.dev !== own.dev) throw crooked('must stay where it was found')
    return file
  } catch (error) {
    await file.close()
    throw error
  }
}

async function refuseLink(folder: string): Promise<void> {
  const there = await lstat(folder).catch((error: unknown) => {
    throw linked(error) ?? error
  })
  if (!there.isDirectory()) throw crooked('must lead through folders of its own, not through a link or a file')
}
