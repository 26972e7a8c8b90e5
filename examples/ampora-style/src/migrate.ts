import { migrateRegistry } from '@tenantry/pg/registry'
import { installFence, installSeal, protectTable, type SealKey, sealKeyStatement } from '@tenantry/pg-rls'
import type pg from 'pg'
import { adopt } from './adopt.ts'
import { seal, tables } from './tables.ts'
import { transaction } from './transaction.ts'

/** Roles that a deployment has, and connections of those who may change it. */
export interface Migration {
  /** A superuser's: the seal takes rights from everybody. */
  readonly admin: pg.Pool
  readonly owner: pg.Pool
  readonly ownerRole: string
  /** Serves requests. */
  readonly runtimeRole: string
  /** Raises the fence behind tenants that are suspended. */
  readonly fenceRole: string
  readonly sealKey: SealKey
  /** Of the registry's own database. */
  readonly registryOwner: pg.Pool
  readonly registryRole: string
}

/** Before any tenant is there: the registry, the seal and the fence. May be run again. */
export async function migrate(terms: Migration): Promise<void> {
  const { admin, ownerRole: tableOwner, runtimeRole, fenceRole, sealKey, registryOwner, registryRole } = terms
  await migrateRegistry({ pool: registryOwner, role: registryRole })
  for (const line of installSeal({ mode: seal, runtimeRole, tableOwner })) await admin.query(line)
  const { text, values } = sealKeyStatement(sealKey)
  await admin.query(text, [...values])
  for (const line of installFence({ runtimeRole, fenceRole })) await admin.query(line)
}

/**
 * Behind the first tenant: what it had alone becomes its own (A46), and the other tables come under row-level security (A44). May be run again.
 *
 * @returns how many rows the first tenant has brought.
 */
export async function migrateTables(terms: Migration, first: string): Promise<number> {
  const { owner, runtimeRole } = terms
  const keys = [
    'alter table configurations drop constraint configurations_pkey, add primary key (tenant_id, id)',
    'alter table configurations drop constraint configurations_name_key, add unique (tenant_id, name)',
  ]
  const adopted = await adopt({ owner, table: 'configurations', tenant: first, keys, runtimeRole })
  for (const [name, columns] of Object.entries(tables)) {
    const { rows } = await owner.query('select to_regclass($1) is not null as exists', [name])
    if (rows[0]?.exists === true) continue
    await transaction(owner, async client => {
      await client.query(`create table ${name} (${columns})`)
      const lines = protectTable(name, { runtimeRole, addColumn: false, index: false, seal: true })
      for (const line of lines) await client.query(line)
      // Nobody rewrites what was written down; DELETE is what the erasure of a tenant needs.
      if (name === 'audit_log') await client.query(`revoke update on ${name} from ${runtimeRole}`)
    })
  }
  return adopted
}
