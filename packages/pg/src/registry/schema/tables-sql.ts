/**
 * The tables, with every rule that a constraint can hold. Texts are compared by their bytes (`collate "C"`), so that the order of ids is
 * the same on every server.
 *
 * @param s - the schema, quoted.
 */
export const tablesSql = (s: string): string => `
create table ${s}.registry_meta (
  only_row boolean primary key default true check (only_row),
  -- Nobody can listen to, or speak on, a channel whose name they cannot read.
  channel text not null default 'tenantry_' || replace(gen_random_uuid()::text, '-', '')
);
insert into ${s}.registry_meta default values;

create table ${s}.registry_moves (
  kind text not null,
  from_status text,
  to_status text,
  guarded boolean not null,
  unique nulls not distinct (kind, from_status, to_status)
);

create table ${s}.registry_tenants (
  id text collate "C" primary key check (id ~ '^[A-Za-z0-9_-]{1,64}$' and strpos(id, '_sk_') = 0),
  slug text collate "C" not null check (slug ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
  name text not null check (name <> ''),
  status text not null check (status in ('provisioning', 'active', 'suspended', 'archived', 'deprovisioning', 'failed')),
  is_default boolean not null default false,
  is_control boolean not null default false,
  settings jsonb not null default '{}' check (jsonb_typeof(settings) = 'object'),
  version integer not null default 1 check (version >= 1),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint registry_tenants_open check (not (is_default or is_control) or status in ('provisioning', 'active', 'failed'))
);
create unique index registry_tenants_id on ${s}.registry_tenants (lower(id));
create unique index registry_tenants_slug on ${s}.registry_tenants (slug);
create unique index registry_tenants_default on ${s}.registry_tenants (is_default) where is_default;
create unique index registry_tenants_control on ${s}.registry_tenants (is_control) where is_control;
create index registry_tenants_status on ${s}.registry_tenants (status, id);

create table ${s}.registry_domains (
  name text collate "C" not null check (
    length(name) <= 253 and name ~ '^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?[.])*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
  tenant text collate "C" not null references ${s}.registry_tenants on delete cascade,
  is_primary boolean not null default false,
  is_verified boolean not null default false,
  created_at timestamptz not null default now(),
  -- With all that a lookup asks for, so that it need not go to the table.
  constraint registry_domains_name primary key (name) include (tenant, is_verified)
);
create index registry_domains_tenant on ${s}.registry_domains (tenant);
create unique index registry_domains_primary on ${s}.registry_domains (tenant) where is_primary;

create table ${s}.registry_identities (
  issuer text collate "C" not null,
  value text collate "C" not null,
  tenant text collate "C" not null references ${s}.registry_tenants on delete cascade,
  created_at timestamptz not null default now(),
  constraint registry_identities_value primary key (issuer, value)
);
create index registry_identities_tenant on ${s}.registry_identities (tenant);

create table ${s}.registry_placements (
  tenant text collate "C" not null references ${s}.registry_tenants on delete cascade,
  key text collate "C" not null,
  value text collate "C" not null,
  is_storage_key boolean not null default false,
  primary key (tenant, key) include (value)
);
create unique index registry_placements_storage on ${s}.registry_placements (key, lower(value)) where is_storage_key;

create table ${s}.registry_names (
  kind text collate "C" not null,
  value text collate "C" not null,
  tenant text collate "C" not null,
  given_at timestamptz not null default now(),
  primary key (kind, value)
);

create table ${s}.registry_secrets (
  tenant text collate "C" not null references ${s}.registry_tenants on delete cascade,
  name text collate "C" not null,
  reference text,
  ciphertext bytea,
  updated_at timestamptz not null default now(),
  primary key (tenant, name),
  check (num_nonnulls(reference, ciphertext) = 1)
);

create table ${s}.registry_operations (
  id text collate "C" primary key,
  sequence bigint generated always as identity unique,
  tenant text collate "C" not null,
  kind text not null,
  state text not null check (state in ('running', 'undoing', 'done', 'failed')),
  actor text not null,
  reason text,
  key text collate "C",
  digest text not null,
  parameters jsonb not null,
  outcome jsonb,
  claim_number integer not null default 0,
  claimed_until timestamptz,
  created_at timestamptz not null default now()
);
create unique index registry_operations_key on ${s}.registry_operations (key) where key is not null;
create unique index registry_operations_underway on ${s}.registry_operations (tenant) where state in ('running', 'undoing');
create index registry_operations_unfinished on ${s}.registry_operations (sequence) where state in ('running', 'undoing');
create index registry_operations_history on ${s}.registry_operations (tenant, sequence);

create table ${s}.registry_steps (
  operation text collate "C" not null references ${s}.registry_operations,
  name text collate "C" not null,
  position integer generated always as identity,
  state text not null check (state in ('begun', 'done', 'undoing', 'undone')),
  result jsonb,
  primary key (operation, name)
);

create table ${s}.registry_audit (
  sequence bigint primary key,
  at timestamptz not null,
  written_by text not null,
  action text not null,
  actor text not null,
  tenant text collate "C",
  reason text,
  details jsonb,
  previous bytea not null,
  hash bytea not null
);
create index registry_audit_tenant on ${s}.registry_audit (tenant, sequence);

create table ${s}.registry_audit_head (
  only_row boolean primary key default true check (only_row),
  sequence bigint not null,
  hash bytea not null
);
insert into ${s}.registry_audit_head (sequence, hash) values (0, decode(repeat('00', 32), 'hex'));
`
