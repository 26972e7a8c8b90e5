import { helpers } from '../postgres/helpers.ts'

/** What is in the template of tenants' databases. All of it becomes the tenant's own. */
export const structure: readonly string[] = [
  'create table notes (id int primary key, tag text not null, version bigint not null)',
  'create table marks (note int primary key references notes on delete cascade, tag text not null)',
  'create sequence tickets',
  ...helpers({ settings: ['role', 'search_path'], dies: 'as the login' }),
  `create function dynamic(text text) returns setof text language plpgsql as $$ begin return query execute text; end $$`,
]
