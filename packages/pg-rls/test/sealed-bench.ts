import { randomBytes } from 'node:crypto'
import { secret } from '@tenantry/core'
import type { FreshDatabase } from '@tenantry/servers'
import type { PostgresForTests } from '@tenantry/servers/vitest'
import pg from 'pg'
import {
  installSeal,
  type PgRlsOptions,
  protectTable,
  type SealKey,
  type SealMode,
  sealKeyStatement,
} from '../src/index.ts'
import { challengeToken, stampToken } from '../src/seal/token.ts'
import { execute } from './support.ts'

export const modes = ['challenge', 'stamp'] as const satisfies readonly SealMode[]

/** A key, with its bytes for tokens that a test makes itself. */
export interface TestKey extends SealKey {
  readonly bytes: Buffer
}

export function testKey(id = 1, text = randomBytes(32).toString('base64')): TestKey {
  return { id, secret: secret(text), bytes: Buffer.from(text, 'utf8') }
}

/** A database with a seal, and sealed tables `notes` (text) and `orders` (uuid). */
export interface SealedBench {
  readonly database: FreshDatabase
  readonly key: TestKey
  /** The options that `pgRls` needs for this bench. */
  readonly options: Pick<PgRlsOptions, 'seal' | 'sealKeys' | 'pooler' | 'namedStatements'>
  setKey(key: SealKey): Promise<void>
  admin(...statements: readonly string[]): Promise<pg.QueryResult>
}

export async function sealedBench(server: PostgresForTests, mode: SealMode): Promise<SealedBench> {
  const database = await server.freshDatabase()
  const key = testKey()
  const admin = (...statements: readonly string[]) => execute(database.adminUrl, ...statements)
  async function setKey(next: SealKey): Promise<void> {
    const client = new pg.Client({ connectionString: database.adminUrl })
    await client.connect()
    await client.query(sealKeyStatement(next) as pg.QueryConfig)
    await client.end()
  }
  await admin(...installSeal({ mode, runtimeRole: database.runtimeRole, tableOwner: database.ownerRole }))
  await setKey(key)
  await execute(
    database.ownerUrl,
    'create table notes (id int not null, body text)',
    ...protectTable('notes', { runtimeRole: database.runtimeRole, index: false, seal: true }),
    'alter table notes add primary key (tenant_id, id)',
    'create table orders (id int not null, body text)',
    ...protectTable('orders', { runtimeRole: database.runtimeRole, index: false, seal: true, type: 'uuid' }),
    'alter table orders add primary key (tenant_id, id)',
  )
  return {
    database,
    key,
    options: {
      seal: mode,
      sealKeys: () => key,
      pooler: server.bouncer !== undefined,
      namedStatements: server.namedStatements,
    },
    setKey,
    admin,
  }
}

/** What a server connection says of itself inside the transaction that is open. */
export async function challengeOf(client: pg.ClientBase): Promise<Buffer> {
  const { rows } = await client.query<{ said: Buffer }>(
    'select int4send(pg_backend_pid()) || timestamptz_send(transaction_timestamp()) as said',
  )
  return rows[0]?.said as Buffer
}

/** A token as the application would make it for the open transaction of this client; `skew` moves a stamp's window. */
export async function tokenFor(
  client: pg.ClientBase,
  mode: SealMode,
  key: TestKey,
  tenant: string,
  skew = { from: -2_000_000n, to: 5_000_000n },
): Promise<string> {
  const said = await challengeOf(client)
  if (mode === 'challenge') return challengeToken(key.id, key.bytes, tenant, said)
  const now = said.readBigInt64BE(4)
  return stampToken(key.id, key.bytes, tenant, said.subarray(0, 4), now + skew.from, now + skew.to)
}

/** Sets tenant and proof for the open transaction. */
export async function claim(client: pg.ClientBase, tenant: string, token: string): Promise<void> {
  await client.query(`select set_config('tenantry.tenant_id', $1, true), set_config('tenantry.seal', $2, true)`, [
    tenant,
    token,
  ])
}

/** Opens a transaction, sets tenant and proof, does something, rolls back. */
export async function claiming<T>(client: pg.ClientBase, tenant: string, token: string, work: () => Promise<T>) {
  await client.query('begin')
  try {
    await claim(client, tenant, token)
    return await work()
  } finally {
    await client.query('rollback')
  }
}
