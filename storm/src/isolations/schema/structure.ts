import type { StructureSource } from '@tenantry/pg-schema'
import type { FreshDatabase } from '@tenantry/servers'
import { helpers } from '../postgres/helpers.ts'

/** What is in a tenant's schema. */
export const structure: StructureSource = {
  by: 'sql',
  statements: [
    'create table notes (id int primary key, tag text not null, version bigint not null)',
    'create table marks (note int primary key references notes on delete cascade, tag text not null)',
    'create sequence tickets',
  ],
}

const moreHelpers = [
  // Applications have such functions, for reports and the like.
  `create function dynamic(text text) returns setof text language plpgsql as $$ begin return query execute text; end $$`,
  // As one does that works through a large table in pieces.
  `create procedure in_pieces(inout tags text) language plpgsql as
    $$ begin commit; select string_agg(tag, ', ') into tags from notes; end $$`,
]

/** What all tenants use: functions in a schema of their own, and what the database lets everybody do. One transaction of the superuser. */
export function shared({ name }: Pick<FreshDatabase, 'name'>): readonly string[] {
  return [
    `grant temporary on database ${name} to public`,
    'create schema helpers',
    'grant usage on schema helpers to public',
    'set local search_path = helpers',
    ...helpers({ settings: ['role', 'search_path'], dies: 'as its maker' }),
    ...moreHelpers,
  ]
}
