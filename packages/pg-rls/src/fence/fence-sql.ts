import { TenancyError } from '@tenantry/core'
import { fenceKey, holdersOf, quoteIdentifier, quoteQualified, shareFence } from '@tenantry/pg'
import pg from 'pg'

/** Options of {@link installFence}. */
export interface FenceInstallOptions {
  /** The role that serves requests. Gets to ask the fence, and nothing else of it. */
  readonly runtimeRole: string
  /** The role that suspends tenants: another one. To end sessions past a deadline it needs `pg_signal_backend`. */
  readonly fenceRole: string
  /** Default `tenancy`. */
  readonly schema?: string
}

/** Where the fence stands in a database. */
export const fenceSchema = 'tenancy'

/** The objects of a fence, quoted. */
export function fenceNames(schema: string) {
  return {
    fence: quoteQualified(schema, 'fence'),
    generation: quoteQualified(schema, 'fence_generation'),
    sequence: quoteQualified(schema, 'fence_sequence'),
    admits: quoteQualified(schema, 'admits'),
  }
}

/**
 * The statements that install the fence behind suspended tenants, for a migration that runs as the tables' owner or a superuser, never as
 * the runtime role: whoever runs them owns the fence. May be run again.
 *
 * @throws {TenancyError} `IDENTIFIER_INVALID`, `ARGUMENT_INVALID`
 * @example
 * for (const line of installFence({ runtimeRole: 'app', fenceRole: 'control' })) await sql.raw(line).execute(db)
 */
export function installFence(options: FenceInstallOptions): readonly string[] {
  const { runtimeRole, fenceRole, schema = fenceSchema } = options
  if (runtimeRole === fenceRole)
    throw new TenancyError('ARGUMENT_INVALID', { field: 'fenceRole', rule: 'must be another role than runtimeRole' })
  const space = quoteIdentifier(schema)
  const [runtime, keeper] = [quoteIdentifier(runtimeRole), quoteIdentifier(fenceRole)]
  const { fence, generation, sequence, admits } = fenceNames(schema)
  return [
    `create schema if not exists ${space}`,
    `revoke all on schema ${space} from public`,
    `grant usage on schema ${space} to ${runtime}, ${keeper}`,
    `create table if not exists ${fence} (tenant text primary key, since timestamptz not null default now())`,
    `create sequence if not exists ${sequence}`,
    `create table if not exists ${generation} (one boolean primary key default true check (one), value bigint not null)`,
    `insert into ${generation} (value) values (pg_catalog.nextval(${pg.escapeLiteral(sequence)})) on conflict do nothing`,
    `revoke all on ${fence}, ${generation} from public, ${runtime}`,
    `revoke all on sequence ${sequence} from public, ${runtime}`,
    `grant select, insert, delete on ${fence} to ${keeper}`,
    `grant select, update on ${generation} to ${keeper}`,
    `grant usage, select on sequence ${sequence} to ${keeper}`,
    createAdmits(schema),
    `revoke all on function ${admits}(text) from public`,
    `grant execute on function ${admits}(text) to ${runtime}`,
  ]
}

/** The statement that makes the function which scopes ask, or puts the one that is there right. */
export function createAdmits(schema: string): string {
  return `create or replace function ${fenceNames(schema).admits}(text) returns boolean language plpgsql volatile security definer parallel restricted as ${pg.escapeLiteral(admitsSource(schema))}`
}

/**
 * The body of the function that scopes ask. `verify()` compares it with what stands in the database.
 *
 * - Volatile: each of its statements sees what was committed before that statement, and so whatever was committed by who had the lock.
 *   That is why the lock and the look are two statements.
 * - Where a transaction sees the past (REPEATABLE READ and above) the look shows nothing new. There a sequence, which knows no past, tells
 *   whether any fence was raised since. Who holds the lock already was let in before its own was raised.
 * - Every name is qualified, so that no `search_path` and no temporary object can put others in their place.
 */
export function admitsSource(schema: string): string {
  const { fence, generation, sequence } = fenceNames(schema)
  const own = `exists (select from ${holdersOf(fenceKey('$1'))} and l.pid operator(pg_catalog.=) pg_catalog.pg_backend_pid())`
  const stale = `(select s.last_value operator(pg_catalog.<>) g.value from ${sequence} s, ${generation} g)`
  return `
declare
  past pg_catalog.bool := pg_catalog.current_setting('transaction_isolation') operator(pg_catalog.=) any ('{repeatable read,serializable}');
  inside pg_catalog.bool := false;
begin
  if past then
    if ${stale} then inside := ${own}; end if;
  end if;
  if not ${shareFence('$1')} then return false; end if;
  perform from ${fence} f where f.tenant operator(pg_catalog.=) $1;
  if found then return false; end if;
  if past and not inside then
    if ${stale} then
      raise exception 'a tenant was suspended since this transaction began to read: run it again' using errcode = 'serialization_failure';
    end if;
  end if;
  return true;
end `
}
