import type { Tenant } from '@tenantry/core'
import type { Denied } from '../../operations/hostile.ts'
import { ownerOf } from './names.ts'

/** What is refused before it is sent: statements that say who the session is. */
export const refusedTexts = [
  ...[
    'reset role',
    'set local role none',
    'set session role none',
    'set local "role" = none',
    'set search_path = pg_catalog',
  ],
  ...['set session_authorization = default', "load 'dblink'"],
]

// The identity of the database, which a tenant may read and nothing else.
const identity = [
  `update tenantry.identity set tenant = 'another'`,
  `update tenantry.identity set epoch = epoch + 1`,
  'delete from tenantry.identity',
  `insert into tenantry.identity (only_row, tenant, epoch) values (true, 'another', 1)`,
  'truncate tenantry.identity',
  'drop table tenantry.identity',
  'drop schema tenantry cascade',
  'alter schema tenantry rename to mine',
  'alter schema tenantry owner to current_user',
  'alter table tenantry.identity owner to current_user',
  'alter table tenantry.identity rename to mine',
  'alter table tenantry.identity enable row level security',
  'create policy mine on tenantry.identity using (false)',
  'create table tenantry.mine (id int)',
  'create rule mine as on select to tenantry.identity do instead select true, null::text, 0::bigint',
  'create trigger mine before update on tenantry.identity for each row execute function suppress_redundant_updates_trigger()',
  `comment on table tenantry.identity is 'mine'`,
  `do $$ begin execute 'set role none'; update tenantry.identity set tenant = 'another'; end $$`,
]

// What the server keeps for all of them.
const server = [
  ...['select rolpassword from pg_authid', 'select passwd from pg_shadow', 'select subconninfo from pg_subscription'],
  ...[`select pg_read_file('postgresql.conf')`, `select pg_ls_dir('.')`, `select lo_import('/etc/hostname')`],
  ...[
    'create role mine',
    'create database mine',
    "create tablespace mine location '/tmp'",
    'alter system set jit = off',
  ],
  ...['create foreign data wrapper mine', 'create event trigger mine on ddl_command_end execute function tell()'],
  ...['create publication mine for all tables', 'checkpoint', 'select pg_reload_conf()'],
  `create function mine() returns text language internal as 'now'`,
]

/** The server's own no, the one for a name that is not there, and for a library that is not installed. */
const no = ['42501', '42704', '3D000']

/** What the server refuses, by one's own names and another tenant's, who may live on another server. */
export function deniedTexts(tenant: Tenant, other: Tenant): readonly Denied[] {
  const [own, theirs] = [ownerOf(tenant), ownerOf(other)]
  const [ownDatabase, theirDatabase] = [tenant.placement.database, other.placement.database]
  const byName = [
    `alter database ${theirDatabase} rename to mine`,
    `alter database ${theirDatabase} set search_path = pg_temp`,
    `alter database ${theirDatabase} owner to ${own}`,
    `grant connect on database ${theirDatabase} to ${own}`,
    `drop database ${theirDatabase}`,
    `create database mine template ${theirDatabase}`,
    `alter role ${theirs} login password 'mine'`,
    `alter role ${theirs} set role = ${own}`,
    `grant ${theirs} to ${own}`,
    `grant ${own} to ${theirs}`,
    `drop role ${theirs}`,
    `drop owned by ${theirs}`,
    `reassign owned by ${theirs} to ${own}`,
    `alter table notes owner to ${theirs}`,
    `alter default privileges for role ${theirs} grant select on tables to ${own}`,
  ]
  return [
    ...[...identity, ...server].map((text): Denied => [text, '42501']),
    ...byName.map((text): Denied => [text, ...no]),
    [`alter database ${ownDatabase} rename to mine`, '42501'],
    [`alter database ${ownDatabase} owner to ${theirs}`, ...no],
    [`alter role ${own} login superuser`, '42501'],
    [`alter role ${own} createrole`, '42501'],
    [`drop role ${own}`, '42501'],
    [`select tag from notes; set role ${theirs}`, '42601'],
    [`select tag from ${theirDatabase}.public.notes`, '0A000'],
    [`select set_config('role', '${theirs}', true)`, '42501', '22023'],
    [`do $$ begin execute 'set role ${theirs}'; end $$`, '42501', '22023'],
    [`select dblink('dbname=${theirDatabase}', 'select 1')`, '42883'],
    // Not in every build; whoever has it must be a superuser to use it.
    ['create extension dblink', '42501', '0A000', '58P01', '22023'],
    ['create extension postgres_fdw', '42501', '0A000', '58P01', '22023'],
    [`create subscription mine connection 'dbname=${theirDatabase}' publication mine`, '42501'],
    [`select set_config('session_replication_role', 'replica', true)`, '42501'],
  ]
}
