import { existsSync } from 'node:fs'
import { constants, type FileHandle } from 'node:fs/promises'
import { isAbsolute, join } from 'node:path'
import { TenancyError } from '../errors.ts'
import type { Tenant } from '../tenant.ts'
import { partsOfFileName } from './file-name.ts'
import { openBeneath } from './open-beneath.ts'
import { openChecked } from './open-checked.ts'
import { crooked } from './opening.ts'
import { tenantFolder } from './tenant-prefix.ts'

/** Options of {@link tenantFiles}. */
export interface TenantFilesOptions {
  /** An absolute path that is there, and that nobody but the application may write to. */
  readonly root: string
}

/**
 * - `read`: it must be there
 * - `create`: it must not be there; for temporary files too, which are safe in the tenant's own folder only (F6)
 * - `replace`: empty from now on
 * - `append`: written at its end
 */
export type FileMode = 'read' | 'create' | 'replace' | 'append'

/** The files of tenants on a disk, a folder for each. */
export interface TenantFiles {
  /**
   * Where a file of the tenant is, for libraries that want a path. Nothing is looked at: a link in the way is not seen.
   *
   * @throws {TenancyError} `PATH_INVALID` for a name that could lead out of the tenant's folder or mean another file elsewhere;
   * `ARGUMENT_INVALID` for what is no tenant's id.
   */
  path(tenant: Pick<Tenant, 'id'>, name: string): string
  /**
   * Opens a file of the tenant, through no link and into no pipe, device or file that has a second name. What has to be made is made
   * for the application's user only: folders 0700, files 0600. The caller closes it.
   *
   * @param mode - default `read`.
   * @throws {TenancyError} as {@link TenantFiles.path}, and `PATH_INVALID` for a way that is no plain one. Errors of the file system,
   * such as `ENOENT`, pass through.
   */
  open(tenant: Pick<Tenant, 'id'>, name: string, mode?: FileMode): Promise<FileHandle>
}

const flags: Readonly<Record<FileMode, number>> = {
  read: constants.O_RDONLY,
  create: constants.O_RDWR | constants.O_CREAT | constants.O_EXCL,
  // Not O_TRUNC: what is opened is looked at before it is emptied.
  replace: constants.O_RDWR | constants.O_CREAT,
  append: constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT,
}

/**
 * Files of tenants beneath one folder.
 *
 * @throws {TenancyError} `ARGUMENT_INVALID` for a root that is no absolute path.
 * @example
 * const files = tenantFiles({ root: '/var/lib/app/files' })
 * const file = await files.open(tenancy.current(), 'reports/2026.pdf', 'create')
 */
export function tenantFiles({ root }: TenantFilesOptions): TenantFiles {
  checkRoot(root)
  const openFile = existsSync('/proc/self/fd') ? openBeneath : openChecked

  return {
    path: (tenant, name) => join(root, tenantFolder(tenant), ...partsOfFileName(name)),
    async open(tenant, name, mode = 'read') {
      if (!Object.hasOwn(flags, mode))
        throw new TenancyError('ARGUMENT_INVALID', {
          field: 'mode',
          rule: `must be one of ${Object.keys(flags).join(', ')}`,
        })
      const file = await openFile(root, [tenantFolder(tenant), ...partsOfFileName(name)], flags[mode], mode !== 'read')
      try {
        const stat = await file.stat()
        if (!stat.isFile()) throw crooked('must name a file')
        // A second name may be another tenant's: whoever can write there would read here.
        if (stat.nlink > 1) throw crooked('must name a file that has no second name')
        if (mode === 'replace') await file.truncate(0)
        return file
      } catch (error) {
        await file.close()
        throw error
      }
    },
  }
}

/** @throws {TenancyError} `ARGUMENT_INVALID` */
export function checkRoot(root: string): void {
  if (typeof root !== 'string' || !isAbsolute(root) || root.includes('\0'))
    throw new TenancyError('ARGUMENT_INVALID', { field: 'root', rule: 'must be an absolute path' })
}
