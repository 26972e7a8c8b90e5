import { constants, mkdir, open } from 'node:fs/promises'
import { join } from 'node:path'
import { TenancyError } from '../errors.ts'
import type { Holding } from '../isolation.ts'
import type { Participant } from '../lifecycle/participant.ts'
import { linked } from './opening.ts'
import { checkRoot, type TenantFilesOptions } from './tenant-files.ts'
import { tenantFolder } from './tenant-prefix.ts'
import { type Tree, tenantTree } from './tenant-tree.ts'

/** Options of {@link filesParticipant}. */
export interface FilesParticipantOptions extends TenantFilesOptions {
  /** Stands in the journal. Default `files`. */
  readonly name?: string
}

/** Times that a folder is gone over in which somebody goes on writing. */
const attempts = 5

/**
 * The folder of a tenant's files as a part of its life: made with it, counted, erased with all that is beneath. No link is followed; one
 * in place of the folder is refused. Nothing keeps who serves a suspended tenant from its files but the process itself.
 *
 * @throws {TenancyError} `ARGUMENT_INVALID` for a root that is no absolute path. `provision`, `inventory` and `deprovision` throw
 * `PATH_INVALID` where the folder is a link or a file, `deprovision` `ERASURE_INCOMPLETE` while somebody goes on writing. Errors of the
 * file system pass through.
 * @example
 * const participants = [pgRls({ pool }), filesParticipant({ root: '/var/lib/app/files' })]
 */
export function filesParticipant({
  root,
  name = 'files',
}: FilesParticipantOptions): Required<Pick<Participant, 'provision' | 'deprovision' | 'inventory'>> &
  Pick<Participant, 'name'> {
  checkRoot(root)

  function holdings(folder: string, tree: Tree | undefined): readonly Holding[] {
    if (tree === undefined) return []
    return [
      { kind: 'folder', name: folder, count: 1 },
      ...(tree.files === 0 ? [] : [{ kind: 'file', name: folder, count: tree.files }]),
      ...(tree.bytes === 0 ? [] : [{ kind: 'byte', name: folder, count: tree.bytes }]),
    ]
  }

  return {
    name,
    async provision(tenant) {
      const path = join(root, tenantFolder(tenant))
      await mkdir(path, 0o700).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'EEXIST') throw error
      })
      // One that is there must be a folder.
      const { O_DIRECTORY, O_NOFOLLOW, O_RDONLY } = constants
      const held = await open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW).catch((error: unknown) => {
        throw linked(error) ?? error
      })
      await held.close()
    },
    async deprovision(tenant) {
      const folder = tenantFolder(tenant)
      let [isThere, files, bytes] = [false, 0, 0]
      for (let attempt = 1; ; attempt += 1) {
        try {
          const tree = await tenantTree(root, folder, 'remove')
          if (tree === undefined) {
            return { tenant: tenant.id, erased: isThere ? holdings(folder, { files, bytes }) : [] }
          }
          isThere = true
          files += tree.files
          bytes += tree.bytes
        } catch (error) {
          const { code } = error as NodeJS.ErrnoException
          if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw error
          isThere = true
          if (attempt < attempts) continue
          const objects = [`the folder ${folder}, in which somebody goes on writing`]
          throw new TenancyError('ERASURE_INCOMPLETE', { tenant: tenant.id, objects }, { cause: error })
        }
      }
    },
    async inventory(tenant) {
      const folder = tenantFolder(tenant)
      return holdings(folder, await tenantTree(root, folder, 'count'))
    },
  }
}
