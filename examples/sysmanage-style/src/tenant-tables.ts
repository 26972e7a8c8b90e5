/** The partition of a tenant, in its own database. Names have no prefix. */
export const tenantTables = `
  create table if not exists hosts (id uuid primary key, hostname text not null, platform text not null);
  create table if not exists heartbeats (
    host uuid not null references hosts on delete cascade,
    at timestamptz not null default now(),
    load real not null
  )`
