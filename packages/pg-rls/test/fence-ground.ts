import { randomBytes } from 'node:crypto'
import { secret, type Tenant } from '@tenantry/core'
import type { FreshDatabase } from '@tenantry/servers'
import type { PostgresForTests } from '@tenantry/servers/vitest'
import pg from 'pg'
import { installFence, installSeal, type PgRlsOptions, pgRls, protectTable, sealKeyStatement } from '../src/index.ts'
import { execute, recorder } from './support.ts'

/** A database with notes and a fence, and who works on it. */
export interface FenceGround {
  readonly database: FreshDatabase
  readonly admin: pg.Pool
  readonly fencePool: pg.Pool
  /** Suspends and resumes. */
  readonly keeper: ReturnType<typeof pgRls>
  /** The isolation of one process. */
  open(options?: Partial<PgRlsOptions> & { readonly max?: number }): ReturnType<typeof pgRls>
  idsOf(tenant: Pick<Tenant, 'id'>): Promise<readonly string[]>
  close(): Promise<void>
}

/** @param rights - whether the role that suspends may end sessions of the runtime role. */
export async function fenceGround(
  server: PostgresForTests,
  { seal = 'none', rights = true }: { readonly seal?: PgRlsOptions['seal']; readonly rights?: boolean } = {},
): Promise<FenceGround> {
  const database = await server.freshDatabase()
  const { runtimeRole, ownerRole: tableOwner } = database
  const fenceRole = `${database.name}_fence`
  const url = new URL(database.adminUrl)
  url.username = fenceRole
  url.password = randomBytes(12).toString('hex')
  const key = { id: 1, secret: secret(randomBytes(32).toString('base64')) }
  await execute(
    database.adminUrl,
    `create role ${fenceRole} login password '${url.password}'`,
    `grant connect on database ${database.name} to ${fenceRole}`,
    ...(rights ? [`grant pg_signal_backend to ${fenceRole}`] : []),
  )
  if (seal !== undefined && seal !== 'none') {
    const install = installSeal({ mode: seal, runtimeRole, tableOwner })
    await execute(database.adminUrl, ...install, sealKeyStatement(key) as pg.QueryConfig)
  }
  const columns = 'tenant_id text not null, id uuid, text text not null, primary key (tenant_id, id)'
  const protect = protectTable('notes', { index: false, runtimeRole, seal: seal !== 'none' })
  await execute(database.ownerUrl, `create table notes (${columns})`, ...protect)
  await execute(database.adminUrl, ...installFence({ runtimeRole, fenceRole }))
  const admin = new pg.Pool({ connectionString: database.adminUrl, max: 2 })
  const fencePool = new pg.Pool({ connectionString: url.href, max: 2 })
  const pools: pg.Pool[] = [admin, fencePool]
  const isolations: ReturnType<typeof pgRls>[] = []
  function open({ max = 3, ...options }: Parameters<FenceGround['open']>[0] = {}) {
    const pool = new pg.Pool({ connectionString: database.runtimeUrl, max })
    pools.push(pool)
    const isolation = pgRls({
      ...{ pool, seal, sealKeys: () => key, logger: recorder(), fence: true },
      ...{ pooler: server.bouncer !== undefined, namedStatements: server.namedStatements },
      ...options,
    })
    isolations.push(isolation)
    return isolation
  }

  return {
    ...{ database, admin, fencePool, open },
    keeper: open({ fence: { pool: fencePool } }),
    async idsOf({ id }) {
      return (await admin.query('select id from notes where tenant_id = $1', [id])).rows.map(row => row.id)
    },
    async close() {
      for (const isolation of isolations) await isolation.close()
      for (const pool of pools) pool.on('error', () => undefined)
      await Promise.all(pools.map(pool => pool.end()))
      await database.drop()
    },
  }
}
