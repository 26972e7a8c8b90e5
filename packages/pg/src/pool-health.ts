import { type Health, isTenancyError } from '@tenantry/core'
import type { TenantPool } from './tenant-pool.ts'

/** Whether a tenant's pool answers. What is wrong is told by a code; messages of the server could name other tenants. */
export async function poolHealth({ query }: Pick<TenantPool, 'query'>): Promise<Health> {
  const start = performance.now()
  try {
    await query('select 1')
    return { ok: true, latency: performance.now() - start }
  } catch (error) {
    return {
      ok: false,
      latency: performance.now() - start,
      reason: isTenancyError(error) ? error.code : 'QUERY_FAILED',
    }
  }
}
