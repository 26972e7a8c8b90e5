/** The partition `registry_…`: who the tenants are, where they live, and which credential belongs to which of them. No secrets. */
export const registryTables = `
  create table if not exists registry_tenants (
    id text primary key,
    slug text not null unique,
    name text not null,
    status text not null default 'provisioning',
    placement jsonb not null,
    version integer not null default 1
  );
  create table if not exists registry_credentials (
    id uuid primary key default gen_random_uuid(),
    kind text not null check (kind in ('enrol', 'agent')),
    tenant text not null,
    label text not null,
    digest bytea not null,
    created timestamptz not null default now(),
    revoked timestamptz
  );
  create index if not exists registry_credentials_tenant on registry_credentials (tenant)`
