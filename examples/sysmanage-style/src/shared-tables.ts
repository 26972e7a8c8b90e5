import pg from 'pg'

/** The partition `shared_…`: reference data that is the same for every tenant. `reader` may read it, and do nothing else. */
export const sharedTables = (reader: string | undefined): string => `
  create table if not exists shared_platforms (id text primary key, name text not null);
  insert into shared_platforms values ('debian-13', 'Debian 13'), ('freebsd-15', 'FreeBSD 15'), ('windows-2025', 'Windows Server 2025')
    on conflict do nothing;
  ${reader === undefined ? '' : `grant select on shared_platforms to ${pg.escapeIdentifier(reader)}`}`
