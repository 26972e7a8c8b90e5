import { TenancyError } from '@tenantry/core'
import { quoteIdentifier, quoteQualified } from '@tenantry/pg'
import { verifierCall } from './seal/seal-sql.ts'
import { checkSetting, defaultColumn, defaultSetting } from './setting.ts'

/** Options of {@link protectTable}. */
export interface ProtectOptions {
  /** Default `public`. */
  readonly schema?: string
  /** Default `tenant_id`. */
  readonly column?: string
  /** Type of the column. `uuid` only where every tenant id is a UUID. Default `text`. */
  readonly type?: 'text' | 'uuid'
  /** Default `tenantry.tenant_id`; the same as in `pgRls`. */
  readonly setting?: string
  /** Whether the policy asks the seal's verifier ({@link installSeal}), or the schema where it stands. Default `false`. */
  readonly seal?: boolean | string
  /** `false` for a partition, whose columns are its parent's: Postgres refuses to add one even if it exists. Default `true`. */
  readonly addColumn?: boolean
  /** `false` where the primary key or another index starts with the tenant column already. Default `true`. */
  readonly index?: boolean
  /** Gets SELECT, INSERT, UPDATE and DELETE, and loses TRUNCATE, REFERENCES and TRIGGER. Default: grants are left alone. */
  readonly runtimeRole?: string
}

/** Names of the two policies. */
export const policies = { gate: 'tenantry_gate', tenant: 'tenantry_tenant' } as const

/**
 * The statements that put a table under row-level security, for a migration that the owner runs.
 *
 * The tenant column is added where it is missing; it is filled from the context, never null, never empty, and indexed. Row
 * security is forced, so that the owner is under it too. The tenant policy is restrictive: a permissive policy that somebody
 * adds later is OR-ed with the gate and cannot open it (`CREATE POLICY`, section "Notes").
 *
 * @throws {TenancyError} `IDENTIFIER_INVALID`, `ARGUMENT_INVALID`
 * @example
 * for (const statement of protectTable('notes')) await sql.raw(statement).execute(db)
 */
export function protectTable(table: string, options: ProtectOptions = {}): readonly string[] {
  const { type = 'text', addColumn = true, index = true } = options
  if (type !== 'text' && type !== 'uuid') {
    throw new TenancyError('ARGUMENT_INVALID', { field: 'type', rule: 'must be "text" or "uuid"' })
  }
  const target = quoteQualified(options.schema ?? 'public', table)
  const column = quoteIdentifier(options.column ?? defaultColumn)
  const { seal = false } = options
  const tenant = tenantExpression(options.setting ?? defaultSetting, type)
  // The default may take the setting as it is: what is written is checked by the policy all the same.
  const verified = seal === false ? tenant : verifiedTenant(type, seal === true ? undefined : seal)
  const statements = [
    ...(addColumn ? [`alter table ${target} add column if not exists ${column} ${type}`] : []),
    `alter table ${target} alter column ${column} set default ${tenant}`,
    `alter table ${target} alter column ${column} set not null`,
    // After a transaction the setting reads '', which must not match a row.
    ...(type === 'text' ? [`alter table ${target} add check (${column} <> '')`] : []),
    ...(index ? [`create index on ${target} (${column})`] : []),
    `alter table ${target} enable row level security`,
    `alter table ${target} force row level security`,
    gatePolicy(target),
    tenantPolicy(policies.tenant, target, column, verified),
  ]
  if (options.runtimeRole !== undefined) {
    const role = quoteIdentifier(options.runtimeRole)
    statements.push(
      `grant select, insert, update, delete on ${target} to ${role}`,
      `revoke truncate, references, trigger on ${target} from ${role}`,
    )
  }
  return statements
}

/**
 * The statements that take a table out of row-level security again. The tenant column and its data stay.
 *
 * @throws {TenancyError} `IDENTIFIER_INVALID`
 */
export function unprotectTable(table: string, options: Pick<ProtectOptions, 'schema'> = {}): readonly string[] {
  const target = quoteQualified(options.schema ?? 'public', table)
  return [
    `drop policy if exists ${policies.tenant} on ${target}`,
    `drop policy if exists ${policies.gate} on ${target}`,
    `alter table ${target} no force row level security`,
    `alter table ${target} disable row level security`,
  ]
}

/** The permissive policy without which nobody would see anything. */
export function gatePolicy(target: string): string {
  return `create policy ${policies.gate} on ${target} as permissive for all to public using (true) with check (true)`
}

/** The restrictive policy that compares a row's tenant with the current one. All but `tenant` are quoted. */
export function tenantPolicy(name: string, target: string, column: string, tenant: string): string {
  // A sub-select is evaluated once for a statement, not once for a row.
  const own = `${column} = (select ${tenant})`
  return `create policy ${name} on ${target} as restrictive for all to public using (${own}) with check (${own})`
}

/** The current tenant's id as SQL, verified by the seal; an error where the seal does not hold. */
export function verifiedTenant(type: string, schema?: string): string {
  return cast(verifierCall(schema), type)
}

/**
 * The current tenant's id as SQL; null outside a scope, also where a scope has been on the connection before (R9).
 *
 * @param type - of the tenant column.
 */
export function tenantExpression(setting: string, type: string): string {
  return cast(`nullif(current_setting('${checkSetting(setting)}', true), '')`, type)
}

function cast(value: string, type: string): string {
  return /^(?:text|character)/.test(type) ? value : `${value}::${type}`
}
