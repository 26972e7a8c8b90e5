import { createHash, randomBytes } from 'node:crypto'
import {
  type AuditEntry,
  type CheckedTenantInput,
  checkTenantInput,
  type Json,
  type NewOperation,
  type OperationKind,
  type Tenant,
  type TenantInput,
  type TenantStore,
} from '@tenantry/core'
import type { FreshDatabase } from '@tenantry/servers'
import type { PostgresForTests } from '@tenantry/servers/vitest'
import pg from 'pg'
import { afterAll, beforeAll } from 'vitest'
import {
  migrateRegistry,
  type PostgresRegistry,
  type PostgresRegistryOptions,
  postgresRegistry,
} from '../../src/registry/index.ts'

let made = 0
/** Never the same twice. */
export const fresh = (word: string): string => `${word}-${++made}`

/** Says who, for operations and their audit. */
export const by = { actor: 'ada' }

export function newOperation(kind: OperationKind, more: Partial<NewOperation> = {}): NewOperation {
  const parameters = more.parameters ?? {}
  const digest = createHash('sha256')
    .update(JSON.stringify([kind, parameters]))
    .digest('hex')
  return { id: fresh('op'), kind, ...by, digest, parameters, state: 'done', ...more }
}

export const entryOf = (action: string, more: Partial<AuditEntry> = {}): AuditEntry => ({ action, ...by, ...more })

export function inputOf(input: Partial<TenantInput> = {}): CheckedTenantInput & { id: string } {
  const id = input.id ?? fresh('t')
  return { ...checkTenantInput({ slug: id.toLowerCase(), name: 'A tenant', ...input }), id }
}

/** Creates a tenant with nothing to do behind it. */
export async function create(
  store: TenantStore,
  input: Partial<TenantInput> = {},
  more: Partial<NewOperation> = {},
): Promise<Tenant> {
  const insert = inputOf(input)
  const { tenant } = await store.begin(
    newOperation('create', more),
    { insert },
    entryOf('tenant.create', { tenant: insert.id }),
  )
  if (tenant === undefined) throw new Error('It was created and is not there.')
  return tenant
}

/** Does something to a tenant at once. */
export async function change(
  store: TenantStore,
  kind: OperationKind,
  tenant: string,
  set: Partial<Pick<CheckedTenantInput, 'slug' | 'name' | 'domains' | 'settings' | 'status'>>,
  more: Partial<NewOperation> & { expected?: number } = {},
): Promise<Tenant> {
  const { expected, ...rest } = more
  const write = { update: tenant, set, ...(expected !== undefined && { expected }) }
  const begun = await store.begin(newOperation(kind, rest), write, entryOf(`tenant.${kind}`, { tenant }))
  if (begun.tenant === undefined) throw new Error('It was changed and is not there.')
  return begun.tenant
}

/** Archives a tenant and removes it. */
export async function remove(store: TenantStore, id: string): Promise<void> {
  await change(store, 'archive', id, { status: 'archived' })
  await store.begin(newOperation('destroy'), { remove: id }, entryOf('tenant.destroy', { tenant: id }))
}

export interface TestRegistry {
  readonly database: FreshDatabase
  /** Migrated, as the runtime role. */
  readonly registry: PostgresRegistry
  open(options?: Partial<PostgresRegistryOptions> & { readonly max?: number }): PostgresRegistry
  pool(as?: 'admin' | 'owner' | 'runtime', options?: pg.PoolConfig): pg.Pool
  /** A statement of somebody who writes SQL by hand. */
  sql(as: 'admin' | 'owner' | 'runtime', text: string, values?: readonly unknown[]): Promise<Record<string, Json>[]>
}

/** @param allowRestore - as the option of `migrateRegistry` */
export function useRegistry(server: PostgresForTests, allowRestore = true): TestRegistry {
  let database: FreshDatabase | undefined
  let registry: PostgresRegistry | undefined
  const pools: pg.Pool[] = []
  const hands = new Map<string, pg.Pool>()

  function pool(as: 'admin' | 'owner' | 'runtime' = 'runtime', options: pg.PoolConfig = {}): pg.Pool {
    const db = there(database)
    const urls = { admin: db.adminUrl, owner: db.ownerUrl, runtime: db.runtimeUrl }
    const opened = new pg.Pool({ connectionString: urls[as], max: 4, ...options })
    opened.on('error', () => undefined)
    pools.push(opened)
    return opened
  }

  beforeAll(async () => {
    database = await ownLogin(await server.freshDatabase())
    await migrateRegistry({ pool: pool('owner'), role: database.runtimeRole, allowRestore })
    registry = postgresRegistry({ pool: pool() })
  })
  afterAll(async () => {
    for (const opened of pools) if (!opened.ending) await opened.end()
  })
  return {
    get database() {
      return there(database)
    },
    get registry() {
      return there(registry)
    },
    open: ({ max = 4, ...options } = {}) => postgresRegistry({ pool: pool('runtime', { max }), ...options }),
    pool,
    async sql(as, text, values = []) {
      const hand = hands.get(as) ?? pool(as)
      hands.set(as, hand)
      return (await hand.query(text, [...values])).rows
    },
  }
}

/** With a login that no other test has: what is done to a role is seen by every test of the server. */
async function ownLogin(database: FreshDatabase): Promise<FreshDatabase> {
  const runtimeRole = `${database.name}_registry`
  const url = new URL(database.runtimeUrl)
  url.username = runtimeRole
  url.password = randomBytes(12).toString('hex')
  const admin = new pg.Pool({ connectionString: database.adminUrl, max: 1 })
  await admin.query(`create role ${runtimeRole} login noinherit password '${url.password}'`)
  await admin.query(
    `grant connect on database ${database.name} to ${runtimeRole}; grant usage on schema public to ${runtimeRole}`,
  )
  await admin.end()
  return { ...database, runtimeRole, runtimeUrl: url.href }
}

function there<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('It is there once beforeAll has run.')
  return value
}
