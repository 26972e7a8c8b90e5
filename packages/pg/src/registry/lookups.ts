import {
  isTenantId,
  TenancyError,
  type Tenant,
  type TenantDomain,
  type TenantRegistry,
  type TenantStatus,
  type TenantStore,
} from '@tenantry/core'
import type pg from 'pg'
import { ask, asking } from './ask.ts'
import { type Registry, rowsOf } from './tables.ts'
import { selectTenants, type TenantRow, tenantOf } from './tenant-row.ts'

/** Options of {@link lookups}. */
export interface LookupOptions {
  readonly pool: pg.Pool
  readonly db: Registry
  readonly ready: () => Promise<void>
  /** Which domains lead to their tenant. */
  readonly domains: 'trusted' | 'verified'
  readonly namedStatements: boolean
}

const pageSize = 500
const longestPage = 1_000

/** Reading tenants. Each is one statement; those of `find` are prepared once for each connection. */
export function lookups({
  pool,
  db,
  ready,
  domains,
  namedStatements,
}: LookupOptions): Pick<TenantStore, 'find' | 'findDefault' | 'findControl' | 'list' | 'page' | 'domains'> {
  const all = selectTenants(db)
  const byDomain = all.innerJoin('registry_domains as d', 'd.tenant', 't.id').where('d.name', '=', '')
  const statements = {
    id: all.where('t.id', '=', ''),
    slug: all.where('t.slug', '=', ''),
    domain: domains === 'verified' ? byDomain.where('d.is_verified', '=', true) : byDomain,
    default: all.where('t.is_default', '=', true),
    control: all.where('t.is_control', '=', true),
  }
  const texts = Object.fromEntries(
    Object.entries(statements).map(([name, built]) => {
      const { sql, parameters } = built.compile()
      return [name, { name: `tenantry_registry_${name}_${domains}`, text: sql, parameters }]
    }),
  )

  async function one(kind: keyof typeof statements, value?: string): Promise<Tenant | undefined> {
    await ready()
    const { name, text, parameters } = texts[kind] as { name: string; text: string; parameters: readonly unknown[] }
    // The key is the first parameter of each that has one; what stands behind it is the statement's own.
    const values = value === undefined ? [...parameters] : [value, ...parameters.slice(1)]
    const [row] = await ask<TenantRow>(pool, { ...(namedStatements && { name }), text, values })
    return row && tenantOf(row)
  }

  async function pageOf(after: string, limit: number, statuses?: readonly TenantStatus[]): Promise<readonly Tenant[]> {
    await ready()
    const behind = all.where('t.id', '>', after).orderBy('t.id').limit(limit)
    const built = statuses === undefined ? behind : behind.where('t.status', 'in', [...statuses])
    return (await rowsOf(asking(pool), built)).map(row => tenantOf(row as TenantRow))
  }

  const find: TenantRegistry['find'] = async ({ kind, value }) => {
    // No text of the server's holds one, so that there is no such tenant.
    if (value.includes('\0')) return undefined
    return one(kind, kind === 'id' ? value : value.toLowerCase())
  }

  return {
    find,
    findDefault: () => one('default'),
    findControl: () => one('control'),
    async *list() {
      for (let after = ''; ; ) {
        const tenants = await pageOf(after, pageSize)
        yield* tenants
        if (tenants.length < pageSize) return
        after = tenants.at(-1)?.id ?? ''
      }
    },
    async page({ after, limit = 100, statuses } = {}) {
      if (!Number.isInteger(limit) || limit < 1 || limit > longestPage)
        throw new TenancyError('INPUT_INVALID', {
          field: 'limit',
          rule: `must be a whole number from 1 to ${longestPage}`,
        })
      if (after !== undefined && !isTenantId(after))
        throw new TenancyError('INPUT_INVALID', { field: 'after', rule: 'must be what a page has given as next' })
      if (statuses?.length === 0) return { tenants: [] }
      const found = await pageOf(after ?? '', limit + 1, statuses)
      const tenants = found.slice(0, limit)
      const next = found.length > limit ? tenants.at(-1)?.id : undefined
      return { tenants, ...(next !== undefined && { next }) }
    },
    async domains(tenant): Promise<readonly TenantDomain[]> {
      await ready()
      const rows = await rowsOf(
        asking(pool),
        db
          .selectFrom('registry_domains')
          .select(['name', 'is_primary', 'is_verified'])
          .where('tenant', '=', tenant)
          .orderBy('is_primary', 'desc')
          .orderBy('name'),
      )
      return rows.map(({ name, is_primary, is_verified }) => ({ name, isPrimary: is_primary, isVerified: is_verified }))
    },
  }
}
