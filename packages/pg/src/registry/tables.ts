import type { JournalStep, Json, Operation, OperationKind, TenantStatus } from '@tenantry/core'
import {
  type CompiledQuery,
  DummyDriver,
  type Generated,
  type GeneratedAlways,
  type JSONColumnType,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
} from 'kysely'
import type { Query } from '../query.ts'

type Settings = { readonly [name: string]: Json }
/** Read as a value, written as text. */
type JsonOf<T extends object | null> = JSONColumnType<T, string, string>

/** The tables that queries are written for; those that only the guards write are read-only here. */
export interface Tables {
  registry_meta: { channel: GeneratedAlways<string> }
  registry_moves: { kind: string; from_status: TenantStatus | null; to_status: TenantStatus | null; guarded: boolean }
  registry_tenants: {
    id: string
    slug: string
    name: string
    status: TenantStatus
    is_default: Generated<boolean>
    is_control: Generated<boolean>
    settings: JsonOf<Settings>
    version: Generated<number>
  }
  registry_domains: {
    name: string
    tenant: string
    is_primary: Generated<boolean>
    is_verified: Generated<boolean>
  }
  registry_identities: { issuer: string; claim: string; value: string; tenant: string; role: string | null }
  registry_members: {
    issuer: string
    subject: string
    tenant: string
    role: string | null
    is_default: boolean
  }
  registry_api_keys: {
    id: string
    tenant: string
    hash: string
    scopes: readonly string[] | null
    created_at: Date
    expires_at: Date | null
    revoked_at: Date | null
    last_used_at: Date | null
  }
  registry_placements: { tenant: string; key: string; value: string; is_storage_key: boolean }
  registry_secrets: { tenant: string; name: string; reference: string | null; ciphertext: Buffer | null }
  registry_operations: {
    id: string
    sequence: GeneratedAlways<string>
    tenant: string
    kind: OperationKind
    state: Operation['state']
    actor: string
    reason: string | null
    key: string | null
    digest: string
    parameters: JsonOf<Settings>
    outcome: JSONColumnType<object, string | null, string | null>
    claim_number: Generated<number>
    claimed_until: Generated<Date | null>
  }
  registry_steps: {
    operation: string
    name: string
    position: GeneratedAlways<number>
    state: JournalStep['state']
    result: JSONColumnType<object, string | null, string | null>
  }
  registry_audit: {
    sequence: GeneratedAlways<string>
    at: GeneratedAlways<Date>
    written_by: GeneratedAlways<string>
    action: string
    actor: string
    tenant: string | null
    reason: string | null
    details: JSONColumnType<object, string | null, never>
    previous: GeneratedAlways<Buffer>
    hash: GeneratedAlways<Buffer>
  }
  registry_audit_head: { sequence: GeneratedAlways<string>; hash: GeneratedAlways<Buffer> }
}

/** Writes queries for the registry's tables; sends nothing by itself. */
export type Registry = Kysely<Tables>

export function registryIn(schema: string): Registry {
  const db = new Kysely<Tables>({
    dialect: {
      createAdapter: () => new PostgresAdapter(),
      createDriver: () => new DummyDriver(),
      createIntrospector: own => new PostgresIntrospector(own),
      createQueryCompiler: () => new PostgresQueryCompiler(),
    },
  })
  return db.withSchema(schema)
}

/** The rows of a query, sent on a connection that somebody else looks after. */
export async function rowsOf<Row>(query: Query, built: { compile(): CompiledQuery<Row> }): Promise<Row[]> {
  const { sql, parameters } = built.compile()
  const { rows } = await query(sql, parameters)
  return rows as Row[]
}
