import { constants } from 'node:fs'
import { mkdir, open, readdir, realpath, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type Isolation, TenancyError, type Tenant } from '@tenantry/core'

/** The files of one tenant. */
export interface Files {
  /** @throws {TenancyError} `REQUEST_INVALID` for what is no plain name; `TENANT_STORE_MISSING` */
  write(name: string, bytes: Buffer): Promise<void>
  /** `undefined` where there is no such file. @throws as {@link Files.write} */
  read(name: string): Promise<Buffer | undefined>
  /** In the order of their names. */
  list(): Promise<readonly string[]>
}

/** A folder for every tenant, named like its schema: `media/t_example`. */
export type FileIsolation = Pick<Isolation<Files>, 'handle' | 'provision' | 'deprovision'>

const { O_CREAT, O_NOFOLLOW, O_RDONLY, O_TRUNC, O_WRONLY } = constants

/** Keeps the files of tenants apart under a folder that exists. */
export async function tenantFiles(folder: string): Promise<FileIsolation> {
  const root = await realpath(folder)

  function folderOf(tenant: Tenant): string {
    const key = tenant.placement.schema ?? ''
    if (/^[a-z_][a-z0-9_]*$/.test(key)) return join(root, key)
    throw new TenancyError('ARGUMENT_INVALID', { field: 'tenant.placement.schema', rule: 'must be a storage key' })
  }

  /** The tenant's folder itself, and nothing that a link makes look like it. */
  async function existing(tenant: Tenant): Promise<string> {
    const path = folderOf(tenant)
    const real = await realpath(path).catch(absent)
    if (real === path) return path
    const reason = real === undefined ? 'its folder is missing' : 'its folder is a link'
    throw new TenancyError('TENANT_STORE_MISSING', { tenant: tenant.id, isolation: 'files', reason })
  }

  return {
    handle(tenant) {
      /** A file is opened only if the name itself is one, and no link to elsewhere. */
      async function locate(name: string): Promise<string> {
        if (/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/.test(name)) return join(await existing(tenant()), name)
        const rule = 'must be a name of at most 100 letters, digits, ".", "_" and "-", without folders'
        throw new TenancyError('REQUEST_INVALID', { field: 'file name', rule })
      }
      return {
        async write(name, bytes) {
          const file = await open(await locate(name), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0o600)
          try {
            await file.writeFile(bytes)
          } finally {
            await file.close()
          }
        },
        async read(name) {
          const file = await open(await locate(name), O_RDONLY | O_NOFOLLOW).catch(absent)
          try {
            return await file?.readFile()
          } finally {
            await file?.close()
          }
        },
        list: async () => (await readdir(await existing(tenant()))).toSorted(),
      }
    },
    // Only here is a folder made: what is still being written when a tenant is erased finds none.
    async provision(tenant) {
      const path = folderOf(tenant)
      await mkdir(path, { mode: 0o700 }).catch(present)
      if ((await readdir(await existing(tenant))).length === 0) return
      throw new TenancyError('OBJECT_FOREIGN', { kind: 'folder', name: path, owner: 'somebody else' })
    },
    async deprovision(tenant) {
      const path = folderOf(tenant)
      const there = (await realpath(path).catch(absent)) === path
      const count = there ? (await readdir(path)).length : 0
      // Of a link it removes the link alone. It tries again where a request that has not ended writes meanwhile.
      await rm(path, { recursive: true, force: true, maxRetries: 3 })
      return { tenant: tenant.id, erased: [{ kind: 'files', name: path, count }] }
    },
  }
}

function absent(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error
}

function present(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EEXIST') throw error
}
