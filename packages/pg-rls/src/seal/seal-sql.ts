import { TenancyError } from '@tenantry/core'
import { quoteIdentifier, quoteQualified } from '@tenantry/pg'
import pg from 'pg'
import { reachesLargeObjects } from '../large-objects.ts'
import { checkSetting, defaultSetting } from '../setting.ts'
import { kinds, tokenLength } from './token.ts'

/** How a tenant context is sealed. */
export type SealMode = 'challenge' | 'stamp'

/** Options of {@link installSeal}. */
export interface SealInstallOptions {
  readonly mode: SealMode
  /** The role that serves requests. Gets to call the verifier, and loses what it could attack it with. */
  readonly runtimeRole: string
  /** The role that owns the tables and makes their policies. Gets to call the verifier, because the policies hold it too. */
  readonly tableOwner: string
  /** The role that owns verifier and keys; made without login. Default `tenantry_seal`. */
  readonly ownerRole?: string
  /** Default `tenancy`. */
  readonly schema?: string
  /** Default `tenantry.tenant_id`; the same as in `pgRls`. */
  readonly setting?: string
}

/** Where the seal stands in a database. */
export const sealDefaults = { schema: 'tenancy', ownerRole: 'tenantry_seal', setting: 'tenantry.seal' } as const

/** The verifier's signature in a schema, as SQL. */
export function verifierCall(schema: string = sealDefaults.schema): string {
  return `${quoteQualified(schema, 'current_tenant')}()`
}

/**
 * The statements that install the seal, for a migration that runs as a superuser, or as an administrator with CREATEROLE. May be
 * run again, also to change the mode. Keys are brought in by {@link sealKeyStatement}.
 *
 * @throws {TenancyError} `IDENTIFIER_INVALID`, `ARGUMENT_INVALID`
 */
export function installSeal(options: SealInstallOptions): readonly string[] {
  if (options.mode !== 'challenge' && options.mode !== 'stamp') {
    throw new TenancyError('ARGUMENT_INVALID', { field: 'mode', rule: 'must be "challenge" or "stamp"' })
  }
  const { schema = sealDefaults.schema, ownerRole = sealDefaults.ownerRole } = options
  const owner = quoteIdentifier(ownerRole)
  const runtime = quoteIdentifier(options.runtimeRole)
  const tableOwner = quoteIdentifier(options.tableOwner)
  const space = quoteIdentifier(schema)
  const keys = quoteQualified(schema, 'seal_key')
  const verifier = verifierCall(schema)
  return [
    makeOwner(ownerRole),
    `create schema if not exists ${space}`,
    `revoke all on schema ${space} from public, ${runtime}`,
    `grant usage on schema ${space} to ${runtime}, ${tableOwner}`,
    // CREATE is what a new owner needs; taken back below.
    `grant usage, create on schema ${space} to ${owner}`,
    `create table if not exists ${keys} (id smallint primary key check (id between 0 and 255), ipad bytea not null, opad bytea not null)`,
    `alter table ${keys} owner to ${owner}`,
    `revoke all on ${keys} from public, ${runtime}, ${tableOwner}`,
    createVerifier(options),
    `alter function ${verifier} owner to ${owner}`,
    `revoke all on function ${verifier} from public`,
    `grant execute on function ${verifier} to ${runtime}, ${tableOwner}`,
    `revoke create on schema ${space} from ${owner}`,
    // What the installing role may not take away, verify() reports.
    whereOwned(
      "pg_namespace where nspname = 'public' and pg_has_role(nspowner, 'USAGE')",
      `revoke create on schema public from public, ${runtime};`,
    ),
    // In a DO block one statement runs any other, PREPARE among them, with which it would take the place of a prepared
    // statement that the next tenant sends its proof to.
    whereOwned(
      "pg_language where lanname = 'plpgsql' and pg_has_role(lanowner, 'USAGE')",
      `revoke usage on language plpgsql from public, ${runtime}; grant usage on language plpgsql to ${tableOwner};`,
    ),
    // They belong to the role that makes them, which is all tenants' one role.
    whereOwned(
      `${largeObjects} and pg_has_role(f.proowner, 'USAGE')`,
      `execute (select pg_catalog.format('revoke execute on function %s from public, %I', pg_catalog.string_agg(f.oid::pg_catalog.regprocedure::pg_catalog.text, ', '), ${pg.escapeLiteral(options.runtimeRole)}::pg_catalog.text) from pg_catalog.${largeObjects});`,
    ),
    whereOwned(
      "pg_database where datname = current_database() and pg_has_role(datdba, 'USAGE')",
      `execute pg_catalog.format('revoke temporary, create on database %I from public, %I', pg_catalog.current_database(), ${pg.escapeLiteral(options.runtimeRole)}::pg_catalog.text);`,
    ),
    leaveOwner(ownerRole),
  ]
}

const largeObjects = `pg_proc f where ${reachesLargeObjects('f')}`

/** A block of PL/pgSQL; as a literal, so that no name in it can end it. */
function anonymous(body: string): string {
  return `do ${pg.escapeLiteral(`begin ${body} end`)}`
}

/** Does something where the installing role owns a thing of the catalogue: elsewhere the server would refuse. */
function whereOwned(thing: string, body: string): string {
  return anonymous(`if exists (select from pg_catalog.${thing}) then ${body} end if;`)
}

const notSuperuser =
  'not (select r.rolsuper from pg_catalog.pg_roles r where r.rolname operator(pg_catalog.=) current_user)'

/**
 * Makes the role that owns the seal. It is the cluster's, and several databases may be migrated at once: it is written only
 * where it must be, or the server refuses all but one of them ("tuple concurrently updated"). An administrator who is no
 * superuser must be a member while it gives its objects away.
 */
function makeOwner(role: string): string {
  const name = pg.escapeLiteral(role)
  const owner = quoteIdentifier(role)
  return anonymous(
    `begin
       if not exists (select from pg_catalog.pg_roles r where r.rolname = ${name}) then create role ${owner} nologin; end if;
     exception when duplicate_object or unique_violation then null; end;
     if exists (select from pg_catalog.pg_roles r where r.rolname = ${name}
                   and (rolcanlogin or rolsuper or rolbypassrls or rolcreaterole or rolcreatedb or rolreplication)) then
       alter role ${owner} nologin nosuperuser nobypassrls nocreaterole nocreatedb noreplication;
     end if;
     if ${notSuperuser} then grant ${owner} to current_user; end if;`,
  )
}

function leaveOwner(role: string): string {
  return anonymous(`if ${notSuperuser} then revoke ${quoteIdentifier(role)} from current_user; end if;`)
}

/** The statement that makes the verifier, or puts the one that is there right. */
export function createVerifier(options: Pick<SealInstallOptions, 'mode' | 'schema' | 'setting'>): string {
  return `create or replace function ${verifierCall(options.schema)} returns text language plpgsql stable security definer parallel restricted as ${pg.escapeLiteral(verifierSource(options))}`
}

/**
 * The body of the verifier. `verify()` compares it with what stands in the database.
 *
 * - The key is only ever a column inside one static `select`. In a variable, it would be folded into a plan that any user can have
 *   printed (`debug_print_plan`).
 * - Every name is qualified, so that no `search_path` and no temporary object can put another function or operator in its place;
 *   a `set search_path` on the function would do the same and costs 3 µs a call.
 * - The comparison is of hashes, so that its time tells nothing of the true code.
 * - A token that is there and does not hold is an error. An empty result would look like "no rows".
 */
export function verifierSource(options: Pick<SealInstallOptions, 'mode' | 'schema' | 'setting'>): string {
  const { mode, schema = sealDefaults.schema } = options
  const setting = checkSetting(options.setting ?? defaultSetting)
  const length = tokenLength[mode]
  const head = length - 32
  const now = 'pg_catalog.timestamptz_send(pg_catalog.transaction_timestamp())'
  const pid = 'pg_catalog.int4send(pg_catalog.pg_backend_pid())'
  const fresh =
    mode === 'challenge'
      ? `pg_catalog.substr(t, 3, 12) operator(pg_catalog.=) (${pid} operator(pg_catalog.||) ${now})`
      : `pg_catalog.substr(t, 3, 4) operator(pg_catalog.=) any (array[pg_catalog.decode('00000000', 'hex'), ${pid}])
     and pg_catalog.substr(t, 7, 8) operator(pg_catalog.<=) ${now} and pg_catalog.substr(t, 15, 8) operator(pg_catalog.>=) ${now}`
  return `
declare
  tenant pg_catalog.text := pg_catalog.current_setting('${setting}', true);
  t pg_catalog.bytea;
  verified pg_catalog.text;
begin
  if tenant is null or tenant operator(pg_catalog.=) '' then return null; end if;
  t := pg_catalog.decode(pg_catalog.current_setting('${sealDefaults.setting}', true), 'hex');
  select tenant into verified from ${quoteQualified(schema, 'seal_key')} k
   where pg_catalog.length(t) operator(pg_catalog.=) ${length}
     and pg_catalog.get_byte(t, 0) operator(pg_catalog.=) ${kinds[mode]}
     and k.id operator(pg_catalog.=) pg_catalog.get_byte(t, 1)::pg_catalog.int2
     and ${fresh}
     and pg_catalog.sha256(k.opad operator(pg_catalog.||) pg_catalog.sha256(k.opad operator(pg_catalog.||) pg_catalog.sha256(k.ipad operator(pg_catalog.||) pg_catalog.substr(t, 1, ${head}) operator(pg_catalog.||) pg_catalog.convert_to(tenant, 'UTF8'))))
         operator(pg_catalog.=) pg_catalog.sha256(k.opad operator(pg_catalog.||) pg_catalog.substr(t, ${head + 1}, 32));
  if verified is null then
    raise exception 'the seal of the tenant context does not hold' using errcode = 'insufficient_privilege';
  end if;
  return verified;
end `
}
