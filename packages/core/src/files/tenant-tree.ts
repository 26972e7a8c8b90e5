import { existsSync } from 'node:fs'
import { constants, lstat, open, readdir, rmdir, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { crooked, linked } from './opening.ts'

/** What there is beneath a folder. */
export interface Tree {
  /** Files, and whatever else is no folder, such as a link. */
  readonly files: number
  /** Of the files. */
  readonly bytes: number
}

/** A folder that is held, under a path that leads to it whatever is put in its place meanwhile. */
interface HeldFolder {
  readonly place: string
  close(): Promise<void>
}

// As in `openBeneath` and `openChecked`.
const isHeld = existsSync('/proc/self/fd')

/** @throws {TenancyError} `PATH_INVALID` for a link, or a file. Errors of the file system pass through. */
async function enter(parent: string, name: string): Promise<HeldFolder> {
  const path = join(parent, name)
  if (!isHeld) {
    if (!(await lstat(path)).isDirectory())
      throw crooked('must lead through folders of its own, not through a link or a file')
    return { place: path, close: async () => undefined }
  }
  try {
    const handle = await open(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW)
    return { place: `/proc/self/fd/${handle.fd}`, close: () => handle.close() }
  } catch (error) {
    throw linked(error) ?? error
  }
}

/**
 * Looks over a folder, or removes it with all that is beneath. No link is followed: it is one more thing in the folder, and goes alone.
 *
 * @returns `undefined` where there is no such folder.
 * @throws {TenancyError} `PATH_INVALID` where the folder itself is a link or a file. Errors of the file system pass through, such as
 * `ENOTEMPTY` when somebody goes on writing.
 */
export async function tenantTree(root: string, folder: string, how: 'count' | 'remove'): Promise<Tree | undefined> {
  const beneath = isHeld ? await enterRoot(root) : { place: root, close: async () => undefined }
  try {
    return await visit(beneath.place, folder, how === 'remove')
  } finally {
    await beneath.close()
  }
}

async function enterRoot(root: string): Promise<HeldFolder> {
  const handle = await open(root, constants.O_RDONLY | constants.O_DIRECTORY)
  return { place: `/proc/self/fd/${handle.fd}`, close: () => handle.close() }
}

async function visit(parent: string, name: string, removes: boolean): Promise<Tree | undefined> {
  const held = await enter(parent, name).catch(unlessGone)
  if (held === undefined) return undefined
  let [files, bytes] = [0, 0]
  try {
    for (const entry of await readdir(held.place, { withFileTypes: true })) {
      if (entry.isDirectory()) {
        const tree = await visit(held.place, entry.name, removes)
        files += tree?.files ?? 0
        bytes += tree?.bytes ?? 0
        continue
      }
      const path = join(held.place, entry.name)
      const stat = await lstat(path).catch(unlessGone)
      if (stat === undefined) continue
      if (removes) await unlink(path).catch(unlessGone)
      files += 1
      if (stat.isFile()) bytes += stat.size
    }
  } finally {
    await held.close()
  }
  if (removes) await rmdir(join(parent, name)).catch(unlessGone)
  return { files, bytes }
}

function unlessGone(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error
}
