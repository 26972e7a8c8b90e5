import { spawnSync } from 'node:child_process'
import { chown, cp, readdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { ServerRoom } from '../start-server.ts'
import type { SystemUser } from '../unprivileged-user.ts'

/**
 * A folder of the same binaries that the server's user can run: the given one, or a copy of its installation (60 MB) in
 * the server's room when the user cannot reach it, as in a clone below `/root`.
 */
export const readableBinaries = async (folder: string, room: ServerRoom, user: SystemUser | undefined) => {
  if (!user) return folder
  const { uid, gid } = user
  const attempt = spawnSync(join(folder, 'initdb'), ['--version'], { uid, gid, cwd: '/', stdio: 'ignore' })
  if (attempt.status === 0) return folder
  const copy = join(room.directory, 'binaries')
  await cp(dirname(folder), copy, { recursive: true, verbatimSymlinks: true })
  await chown(copy, uid, gid)
  for (const entry of await readdir(copy, { recursive: true, withFileTypes: true })) {
    if (!entry.isSymbolicLink()) await chown(join(entry.parentPath, entry.name), uid, gid)
  }
  return join(copy, 'bin')
}
