import { TenancyError } from '../errors.ts'
import type { Tenant } from '../tenant.ts'
import { isTenantId } from '../tenant-input.ts'
import { partsOfFileName } from './file-name.ts'

/**
 * The folder of a tenant's files, made of its id, which never changes. No two ids have one folder, not even on a disk that knows no
 * capitals: `A` is `.a`. The beginning keeps it from being a name that Windows reserves.
 *
 * @throws {TenancyError} `ARGUMENT_INVALID` for what is no tenant's id.
 */
export function tenantFolder(tenant: Pick<Tenant, 'id'>): string {
  if (!isTenantId(tenant.id))
    throw new TenancyError('ARGUMENT_INVALID', { field: 'tenant.id', rule: 'must be the id of a tenant' })
  return `t-${tenant.id.replace(/[A-Z]/g, letter => `.${letter.toLowerCase()}`)}`
}

/**
 * What the keys of a tenant's objects begin with, in a bucket that several tenants share. It ends with a slash: without it the
 * prefix of `t1` would be that of `t10` too.
 *
 * @throws {TenancyError} `ARGUMENT_INVALID` for what is no tenant's id.
 * @example
 * tenantPrefix({ id: 'Acme' }) // 't-.acme/'
 */
export function tenantPrefix(tenant: Pick<Tenant, 'id'>): string {
  return `${tenantFolder(tenant)}/`
}

/**
 * The key of a tenant's object, at most 1024 bytes long. For an address that is signed in advance, too: a key that was not made here
 * may be anybody's.
 *
 * @throws {TenancyError} `PATH_INVALID` for a name that could mean something else; `ARGUMENT_INVALID` for what is no tenant's id.
 * @example
 * objectKey(acme, 'reports/2026.pdf') // 't-acme/reports/2026.pdf'
 */
export function objectKey(tenant: Pick<Tenant, 'id'>, name: string): string {
  return `${tenantPrefix(tenant)}${partsOfFileName(name).join('/')}`
}
