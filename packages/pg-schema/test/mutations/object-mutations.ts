import type { Mutation } from './mutation.ts'

/** Of what stands on tables or beside them: indexes, views, types, code, policies, comments, privileges. */
export const objectMutations: readonly Mutation[] = [
  { sql: 'create index added on journal (what)', told: ['unexpected index journal.added'] },
  { sql: 'drop index customers_hash', told: ['missing index customers.customers_hash'] },
  { sql: 'alter index customers_tags set (fastupdate = on)', told: ['different index customers.customers_tags'] },
  { sql: 'alter index customers_pkey set (fillfactor = 81)', told: ['different primary key customers.customers_pkey'] },
  {
    sql: 'alter index customers_function alter column 1 set statistics 78',
    told: ['different index customers.customers_function'],
  },
  { sql: 'drop statistics orders_expression', told: ['missing statistics orders_expression'] },
  { sql: 'alter statistics orders_stats set statistics 301', told: ['different statistics orders_stats'] },

  {
    sql: `create or replace view writable as select id, name || '' as name from customers`,
    told: ['different view writable'],
  },
  { sql: 'drop view writable', told: ['missing view writable'] },
  { sql: 'alter view sad_customers set (security_barrier = false)', told: ['different view sad_customers'] },
  { sql: 'alter view sad_customers reset (check_option)', told: ['different view sad_customers'] },
  { sql: 'alter view writable alter name drop default', told: ['different view writable'] },
  { sql: 'drop materialized view busier', told: ['missing materialized view busier'] },
  { sql: 'refresh materialized view idle', told: ['different materialized view idle'], saidByRows: true },
  { sql: 'refresh materialized view busy with no data', told: ['different materialized view busy'], saidByRows: true },

  { sql: `alter type mood add value 'fine' after 'sad'`, told: ['different enum mood'] },
  {
    sql: `alter type mood rename value 'sad' to 'grim'`,
    told: [
      // Wherever it is a constant.
      'different column base.kind',
      'different column both_sides.kind',
      'different column customers.mood',
      'different enum mood',
      'different function moods_of(who person, OUT n integer, INOUT m mood[])',
      'different index customers.customers_mail',
      'different view sad_customers',
    ],
  },
  {
    sql: 'alter type marker rename to marks',
    told: ['different table typed', 'missing composite type marker', 'unexpected composite type marks'],
  },
  { sql: 'alter domain email set default null', told: ['different domain email'] },
  {
    sql: 'alter domain email drop not null',
    told: ['different domain email'],
    toldSince18: ['missing not null email.email_not_null'],
  },
  { sql: 'create type added as range (subtype = int)', told: ['unexpected range type added'] },

  {
    sql: `create or replace function secret() returns text language sql as $$ select 'another' $$`,
    told: ['different function secret()'],
  },
  { sql: 'drop function empty_path()', told: ['missing function empty_path()'] },
  { sql: 'alter function secret() stable', told: ['different function secret()'] },
  { sql: 'alter function secret() security definer', told: ['different function secret()'] },
  { sql: 'alter function secret() cost 5', told: ['different function secret()'] },
  { sql: 'alter function pinned() set search_path = pg_catalog, pg_temp', told: ['different function pinned()'] },
  { sql: 'alter function pinned() reset work_mem', told: ['different function pinned()'] },
  { sql: 'drop procedure clean_up()', told: ['missing procedure clean_up()'] },

  { sql: 'drop trigger transition on orders', told: ['missing trigger orders.transition'] },
  { sql: 'alter table customers enable trigger off', told: ['different trigger customers.off'] },
  { sql: 'alter table pairs enable trigger always', told: ['different trigger pairs.always'] },
  { sql: 'alter table only events_2020 enable trigger on_events', told: ['different trigger events_2020.on_events'] },
  { sql: 'drop rule never on pairs', told: ['missing rule pairs.never'] },
  { sql: 'alter table pairs enable rule also', told: ['different rule pairs.also'] },
  { sql: 'drop policy adding on orders', told: ['missing policy orders.adding'] },
  { sql: 'alter policy everything on customers using (id > 0)', told: ['different policy customers.everything'] },
  { sql: 'alter policy mine on orders to public', told: ['different policy orders.mine'] },

  { sql: 'comment on column customers.name is null', told: ['missing comment COLUMN customers.name'] },
  { sql: `comment on table journal is 'new'`, told: ['unexpected comment TABLE journal'] },
  { sql: `comment on domain email is 'another'`, told: ['different comment DOMAIN email'] },
  { sql: 'grant select on journal to :reader', told: ['unexpected privileges TABLE journal to ":reader"'] },
  { sql: 'revoke update on customers from :tenant', told: ['different privileges TABLE customers to {role}'] },
  {
    sql: 'revoke grant option for select on totals from :tenant',
    told: ['different privileges TABLE totals to {role}'],
  },
  { sql: 'revoke select (id) on orders from :reader', told: ['missing privileges COLUMN orders.id to ":reader"'] },
  { sql: 'revoke insert on journal from current_user', told: ['unexpected privileges TABLE journal to its owner'] },
  { sql: 'grant execute on function secret() to public', told: ['missing privileges ROUTINE secret() to PUBLIC'] },
  { sql: 'revoke usage on type address from public', told: ['unexpected privileges TYPE address to PUBLIC'] },
  { sql: 'grant usage on schema :schema to public', told: ['unexpected privileges SCHEMA to PUBLIC'] },
  {
    sql: 'alter default privileges in schema :schema revoke select on tables from :reader',
    told: ['missing default privileges new TABLES to ":reader"'],
  },
]
