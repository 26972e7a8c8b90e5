import { type Denied, deniedToUsers } from '../../operations/hostile.ts'
import type { Store } from './stores.ts'

/** What is refused before it is sent: statements that say who the tenant is. */
export const refusedTexts = [
  ...['reset role', 'reset search_path', 'set search_path = public', 'set local search_path = public'],
  ...['set local role none', 'set session role none', 'set local "role" = none', 'set /* x */ local\nrole none'],
]

// In a schema whose tables a tenant uses it may make nothing, change nothing, and give nothing away.
const structure = [
  ...['create table mine (id int)', 'create view mine as select tag from notes', 'create type mine as (id int)'],
  `create function mine() returns text language sql security definer as 'select min(tag) from notes'`,
  `create or replace function helpers.put(name text, value text) returns text language sql as 'select $2'`,
  'create trigger mine after insert on notes execute function helpers.tell()',
  'create rule mine as on insert to notes do nothing',
  'alter table notes add column mine text',
  'alter table notes owner to current_user',
  'alter sequence tickets owned by none',
  'drop table marks',
  'create schema mine',
  'create publication mine for table notes',
  'create role mine',
  `comment on table notes is 'mine'`,
]

// What the server keeps for all tenants.
const server = [
  ...['select rolpassword from pg_authid', 'select starelid from pg_statistic', 'select loid from pg_largeobject'],
  ...[`select pg_read_file('postgresql.conf')`, `select pg_ls_dir('.')`, `select lo_import('/etc/hostname')`],
  'select pg_terminate_backend(pg_backend_pid())',
]

/** What the server refuses, by the names of one's own store and another's. */
export function deniedTexts(own: Store, other: Store): readonly Denied[] {
  const texts = [
    ...structure,
    ...server,
    `create table ${other.schema}.mine (id int)`,
    `drop schema ${other.schema} cascade`,
    `drop schema ${own.schema} cascade`,
    `alter schema ${other.schema} rename to mine`,
    `grant usage on schema ${other.schema} to ${own.role}`,
    `drop table ${other.schema}.notes`,
    `drop role ${other.role}`,
    `drop owned by ${other.role}`,
    `reassign owned by ${other.role} to ${own.role}`,
    `alter role ${other.role} login`,
    `alter role ${own.role} superuser`,
    `grant ${other.role} to ${own.role}`,
    `grant ${own.role} to ${other.role}`,
    `alter role ${other.role} set search_path = ${own.schema}`,
  ]
  return [
    ...deniedToUsers,
    ...texts.map((text): Denied => [text, '42501']),
    [`select tag from notes; set role ${other.role}`, '42601'],
    [`select set_config('session_replication_role', 'replica', true)`, '42501', 'STATEMENT_REFUSED'],
  ]
}
