import {
  assertTransition,
  type CheckedTenantInput,
  checkTenantInput,
  type OperationKind,
  TenancyError,
  type Tenant,
  type TenantStatus,
  type TenantWrite,
} from '@tenantry/core'
import type { Query } from '../query.ts'
import { movesOf } from './schema/moves.ts'
import { type Registry, rowsOf } from './tables.ts'
import { selectTenants, type TenantRow, tenantOf } from './tenant-row.ts'

/** Where a write takes place. */
export interface WriteTerms {
  readonly query: Query
  readonly db: Registry
  readonly kind: OperationKind
  /** Whether the operation begins with it, so that its transition must be one of the table. */
  readonly begins: boolean
  /** Which keys of a placement are storage keys. */
  readonly storageKeys: readonly string[]
}

const moves = movesOf()

/** The tenant that a write is about. */
export function tenantOfWrite(write: TenantWrite): string {
  if ('insert' in write) return write.insert.id
  return 'update' in write ? write.update : write.remove
}

/** Writes a tenant's record; the caller's transaction holds it until its end. */
export async function writeTenant(write: TenantWrite, terms: WriteTerms): Promise<void> {
  if ('insert' in write) return insertTenant(checkTenantInput(write.insert), write.insert.id, terms)
  const id = tenantOfWrite(write)
  const before = await lockTenant(id, terms)
  if (terms.begins) assertTransition(terms.kind, before)
  if ('remove' in write) {
    assertMove(terms.kind, before, null)
    await rowsOf(terms.query, terms.db.deleteFrom('registry_tenants').where('id', '=', id))
    return
  }
  const { set, expected } = write
  if (expected !== undefined && expected !== before.version)
    throw new TenancyError('VERSION_CONFLICT', { tenant: id, expected, actual: before.version })
  // What is undefined is not said: a default in its place would change what nobody asked to be changed.
  const said = Object.fromEntries(Object.entries(set).filter(([, value]) => value !== undefined))
  if (Object.keys(said).length === 0) return
  const { slug, name, settings, status, domains } = checkTenantInput({ ...before, ...said })
  if (status !== before.status) assertMove(terms.kind, before, status)
  await rowsOf(
    terms.query,
    terms.db
      .updateTable('registry_tenants')
      .set({ slug, name, status, version: before.version + 1 })
      .$if(set.settings !== undefined, update => update.set({ settings: JSON.stringify(settings) }))
      .where('id', '=', id),
  )
  if (set.domains !== undefined) await setDomains(id, domains, terms)
}

/** The tenant as it is now, seen from the caller's transaction. */
export async function readTenant(query: Query, db: Registry, id: string): Promise<Tenant | undefined> {
  const [row] = await rowsOf(query, selectTenants(db).where('t.id', '=', id))
  return row && tenantOf(row as TenantRow)
}

async function lockTenant(id: string, { query, db }: WriteTerms): Promise<Tenant> {
  const [row] = await rowsOf(query, selectTenants(db).where('t.id', '=', id).forUpdate('t'))
  if (row === undefined) throw new TenancyError('TENANT_NOT_FOUND', { key: `id ${id}` })
  return tenantOf(row as TenantRow)
}

/** Whether the operation may do this to a tenant's status; the guards of the database see only whether any may. */
function assertMove(kind: OperationKind, { id, status }: Pick<Tenant, 'id' | 'status'>, to: TenantStatus | null): void {
  if (moves.some(move => move.kind === kind && move.from === status && move.to === to)) return
  const rule = `it is ${status} and would be ${to ?? 'gone'}`
  throw new TenancyError('TRANSITION_REFUSED', { tenant: id, operation: kind, rule })
}

async function insertTenant(input: CheckedTenantInput, id: string, terms: WriteTerms): Promise<void> {
  const { query, db, kind, storageKeys } = terms
  const { slug, name, status, isDefault, isControl, settings, placement } = input
  if (!moves.some(move => move.kind === kind && move.from === null && move.to === status)) {
    throw new TenancyError('TRANSITION_REFUSED', { tenant: id, operation: kind, rule: `none is made as ${status}` })
  }
  await rowsOf(
    query,
    db.insertInto('registry_tenants').values({
      ...{ id, slug, name, status, is_default: isDefault, is_control: isControl },
      settings: JSON.stringify(settings),
    }),
  )
  // In the same order by everybody, so that two who want the same wait for each other and not in a circle.
  const places = Object.entries(placement)
    .map(([key, value]) => ({ tenant: id, key, value, is_storage_key: storageKeys.includes(key) }))
    .sort((a, b) => (a.key < b.key ? -1 : 1))
  if (places.length > 0) await rowsOf(query, db.insertInto('registry_placements').values(places))
  await setDomains(id, input.domains, terms)
}

/** The first is the primary one. What was verified stays so. */
async function setDomains(tenant: string, names: readonly string[], { query, db }: WriteTerms): Promise<void> {
  const own = db.deleteFrom('registry_domains').where('tenant', '=', tenant)
  await rowsOf(query, names.length === 0 ? own : own.where('name', 'not in', [...names]))
  const [first] = names
  if (first === undefined) return
  await rowsOf(
    query,
    db
      .updateTable('registry_domains')
      .set({ is_primary: false })
      .where('tenant', '=', tenant)
      .where('is_primary', '=', true)
      .where('name', '<>', first),
  )
  const rows = [...new Set(names)].sort().map(name => ({ name, tenant, is_primary: name === first }))
  // One that another tenant has is passed over, and so it is missing from what was written.
  const written = await rowsOf(
    query,
    db
      .insertInto('registry_domains')
      .values(rows)
      .onConflict(conflict =>
        conflict
          .column('name')
          .doUpdateSet(eb => ({ is_primary: eb.ref('excluded.is_primary') }))
          .where('registry_domains.tenant', '=', tenant),
      )
      .returning('name'),
  )
  const taken = rows.find(({ name }) => !written.some(row => row.name === name))
  if (taken !== undefined) throw new TenancyError('TENANT_EXISTS', { field: 'domain', value: taken.name })
}
