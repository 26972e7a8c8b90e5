/** One change of the fixture, and how it is to be told. */
export interface Mutation {
  readonly sql: string
  /** As `missing index customers_hash`, sorted; since version 18, NOT NULL is a constraint and told as one. */
  readonly told: readonly string[]
  readonly toldSince18?: readonly string[]
}

/** Changes of every kind of object, run with the template's schema first in the path, and as its owner. */
export const mutations: readonly Mutation[] = [
  { sql: 'create table added (id int)', told: ['unexpected column added.id', 'unexpected table added'] },
  {
    sql: 'drop table mails cascade',
    told: [
      'missing column mails.body',
      'missing column mails.id',
      'missing column mails.mail',
      'missing exclusion mails.mails_once',
      'missing index mails.mails_body',
      'missing index mails.mails_short',
      'missing primary key mails.mails_pkey',
      'missing table mails',
      'missing unique mails.mails_mail_key',
      'missing view mail_names',
    ],
    toldSince18: [
      'missing column mails.body',
      'missing column mails.id',
      'missing column mails.mail',
      'missing exclusion mails.mails_once',
      'missing index mails.mails_body',
      'missing index mails.mails_short',
      'missing not null mails.mails_id_not_null',
      'missing primary key mails.mails_pkey',
      'missing table mails',
      'missing unique mails.mails_mail_key',
      'missing view mail_names',
    ],
  },
  { sql: 'alter table scratch set logged', told: ['different sequence scratch_id_seq', 'different table scratch'] },
  { sql: 'alter table scratch set (fillfactor = 51)', told: ['different table scratch'] },
  { sql: 'alter table scratch reset (toast.autovacuum_enabled)', told: ['different table scratch'] },
  { sql: 'alter table customers no force row level security', told: [] },
  { sql: 'alter table customers force row level security', told: ['different table customers'] },
  { sql: 'alter table customers disable row level security', told: ['different table customers'] },
  { sql: 'alter table pairs replica identity default', told: ['different table pairs'] },
  { sql: 'alter table replicated replica identity full', told: ['different table replicated'] },
  { sql: 'alter table pairs set without cluster', told: ['different table pairs'] },
  { sql: 'alter table typed not of', told: ['different table typed'] },
  { sql: 'alter table child no inherit base', told: inheritedNoMore(false), toldSince18: inheritedNoMore(true) },
  { sql: 'alter table events detach partition events_2020', told: detached(false), toldSince18: detached(true) },

  { sql: 'alter table journal add more text', told: ['unexpected column journal.more'] },
  {
    sql: 'alter table pair_users drop x',
    told: ['missing column pair_users.x', 'missing foreign key pair_users.pair_users_x_fkey'],
  },
  {
    sql: `alter table pong drop ping; alter table pong add ping int references ping deferrable; alter table pong add last int;
      alter table pong drop id cascade; alter table pong add id int primary key; alter table pong drop last;
      alter table ping add constraint ping_pong foreign key (pong) references pong on delete set default`,
    told: ['different table pong'],
  },
  { sql: 'alter table journal rename what to why', told: ['different privileges'].slice(1).concat(renamed()) },
  { sql: 'alter table pair_users alter a type bigint', told: ['different column pair_users.a'] },
  { sql: `alter table journal alter what type text collate "C"`, told: ['different column journal.what'] },
  { sql: `alter table customers alter notes set default 'x'`, told: ['different column customers.notes'] },
  { sql: 'alter table customers alter mood drop default', told: ['different column customers.mood'] },
  {
    sql: 'alter table customers alter name drop not null',
    told: ['different column customers.name'],
    toldSince18: ['missing not null customers.customers_name_not_null'],
  },
  { sql: 'alter table customers alter notes set storage plain', told: ['different column customers.notes'] },
  { sql: 'alter table customers alter notes set compression default', told: ['different column customers.notes'] },
  { sql: 'alter table customers alter name set statistics 251', told: ['different column customers.name'] },
  { sql: 'alter table customers alter mood reset (n_distinct)', told: ['different column customers.mood'] },
  { sql: 'alter table customers alter lower_name drop expression', told: ['different column customers.lower_name'] },
  { sql: 'alter table customers alter id set generated always', told: ['different column customers.id'] },
  { sql: 'alter table journal alter id set increment by 6', told: ['different column journal.id'] },
  { sql: 'alter table journal alter id drop identity', told: ['different column journal.id'] },
  { sql: `alter table events_2020 alter kind set default 'x'`, told: ['different column events_2020.kind'] },

  { sql: 'create sequence added_seq', told: ['unexpected sequence added_seq'] },
  { sql: 'drop sequence light_seq', told: ['missing sequence light_seq'] },
  { sql: 'alter sequence odd_seq no cycle', told: ['different sequence odd_seq'] },
  { sql: 'alter sequence odd_seq as int', told: ['different sequence odd_seq'] },
  { sql: 'alter sequence orders_id_seq owned by none', told: ['different sequence orders_id_seq'] },
  {
    sql: 'alter sequence customers_counter rename to counter',
    told: ['different column customers.id', ...renamedCounter()].sort(),
  },

  { sql: 'alter table journal add check (id > 0)', told: ['unexpected check journal.journal_id_check'] },
  {
    sql: 'alter table orders drop constraint orders_amount',
    told: ['missing check orders.orders_amount', 'missing comment CONSTRAINT orders_amount ON orders'],
  },
  { sql: 'alter table orders validate constraint orders_later', told: ['different check orders.orders_later'] },
  { sql: 'alter table orders drop constraint orders_code', told: ['missing unique orders.orders_code'] },
  { sql: 'alter table mails drop constraint mails_once', told: ['missing exclusion mails.mails_once'] },
  {
    sql: 'alter table orders alter constraint orders_customer not deferrable',
    told: ['different foreign key orders.orders_customer'],
  },
  { sql: 'alter table ping drop constraint ping_pong', told: ['missing foreign key ping.ping_pong'] },
  {
    sql: 'alter table orders rename constraint orders_self to orders_own',
    told: ['missing foreign key orders.orders_self', 'unexpected foreign key orders.orders_own'],
  },
  { sql: 'alter domain positive validate constraint later', told: ['different check positive.later'] },
  { sql: 'alter domain positive drop constraint more', told: ['missing check positive.more'] },

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
    sql: `create or replace view totals as select id, name, 0::numeric(12, 2) as total from customers`,
    told: [],
    toldSince18: [],
  },
  { sql: 'drop view writable', told: ['missing view writable'] },
  { sql: 'alter view sad_customers set (security_barrier = false)', told: ['different view sad_customers'] },
  { sql: 'alter view sad_customers reset (check_option)', told: ['different view sad_customers'] },
  { sql: 'alter view writable alter name drop default', told: ['different view writable'] },
  { sql: 'drop materialized view busier', told: ['missing materialized view busier'] },
  { sql: 'refresh materialized view idle', told: ['different materialized view idle'] },
  { sql: 'refresh materialized view busy with no data', told: ['different materialized view busy'] },

  { sql: `alter type mood add value 'fine' after 'sad'`, told: ['different enum mood'] },
  { sql: `alter type mood rename value 'sad' to 'grim'`, told: renamedLabel() },
  { sql: 'alter type address add attribute more int', told: ['different composite type address'] },
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
  { sql: 'grant select on journal to :reader', told: ['unexpected privileges TABLE journal to :reader'] },
  { sql: 'revoke update on customers from :tenant', told: ['different privileges TABLE customers to {role}'] },
  {
    sql: 'revoke grant option for select on totals from :tenant',
    told: ['different privileges TABLE totals to {role}'],
  },
  { sql: 'revoke select (id) on orders from :reader', told: ['missing privileges COLUMN orders.id to :reader'] },
  { sql: 'revoke insert on journal from current_user', told: ['unexpected privileges TABLE journal to its owner'] },
  { sql: 'grant execute on function secret() to public', told: ['missing privileges ROUTINE secret() to PUBLIC'] },
  { sql: 'revoke usage on type address from public', told: ['unexpected privileges TYPE address to PUBLIC'] },
  { sql: 'grant usage on schema :schema to public', told: ['unexpected privileges SCHEMA to PUBLIC'] },
  {
    sql: 'alter default privileges in schema :schema revoke select on tables from :reader',
    told: ['missing default privileges new TABLES to :reader'],
  },
]

function inheritedNoMore(since18: boolean): readonly string[] {
  return since18 ? [] : []
}
function detached(since18: boolean): readonly string[] {
  return since18 ? [] : []
}
function renamed(): readonly string[] {
  return []
}
function renamedCounter(): readonly string[] {
  return []
}
function renamedLabel(): readonly string[] {
  return []
}
