import { migrateRegistry } from '@tenantry/pg/registry'
import { installFence, protectTable } from '@tenantry/pg-rls'
import type pg from 'pg'

/** Roles that a deployment has, and the connections of the owners. */
export interface Migration {
  /** Of the database with the users and clients. */
  readonly owner: pg.Pool
  /** Serves requests. */
  readonly runtimeRole: string
  /** Raises the fence behind organizations that are suspended. */
  readonly fenceRole: string
  /** Of the registry's own database. */
  readonly registryOwner: pg.Pool
  readonly registryRole: string
}

// `tenant_id` stands in every key, so that a foreign key cannot lead to another organization (P29, C29).
const tables: Readonly<Record<string, string>> = {
  organizations: 'tenant_id text primary key',
  organization_applications: `tenant_id text not null references organizations, application text not null references applications,
    primary key (tenant_id, application)`,
  users: `tenant_id text not null references organizations, id uuid not null default gen_random_uuid(), email text not null check (email = lower(email)),
    name text not null, password text not null, primary key (tenant_id, id), unique (tenant_id, email)`,
  clients: `tenant_id text not null, id text not null, application text not null, name text not null, redirect_uri text not null,
    primary key (tenant_id, id), foreign key (tenant_id, application) references organization_applications`,
  user_roles: `tenant_id text not null, user_id uuid not null, application text not null, role text not null,
    primary key (tenant_id, user_id, application, role), foreign key (tenant_id, user_id) references users,
    foreign key (application, role) references roles`,
  user_claims: `tenant_id text not null, user_id uuid not null, claim text not null, value text not null,
    primary key (tenant_id, user_id, claim), foreign key (tenant_id, user_id) references users`,
  grants: `tenant_id text not null, hash text not null, kind text not null check (kind in ('code', 'refresh')), client_id text not null,
    user_id uuid not null, details jsonb not null, expires timestamptz not null,
    primary key (tenant_id, hash), foreign key (tenant_id, client_id) references clients, foreign key (tenant_id, user_id) references users`,
}

/** Applications and their roles are Porta's own and the same for all. */
export const shared = ['public.applications', 'public.roles'] as const

/** What every deployment runs: the registry, and the tables of all organizations under row-level security. Once; not twice. */
export async function migrate(terms: Migration): Promise<void> {
  const { owner, runtimeRole, fenceRole, registryOwner, registryRole } = terms
  await migrateRegistry({ pool: registryOwner, role: registryRole })
  await owner.query(`create table applications (id text primary key);
    create table roles (application text not null references applications, name text not null, primary key (application, name));
    insert into applications values ('porta-admin'), ('shop');
    insert into roles values ('porta-admin', 'admin'), ('porta-admin', 'auditor'), ('shop', 'buyer'), ('shop', 'manager');
    grant select on ${shared.join(', ')} to ${runtimeRole}`)
  for (const [name, columns] of Object.entries(tables)) {
    await owner.query(`create table ${name} (${columns})`)
    for (const line of protectTable(name, { runtimeRole, index: false, addColumn: false })) await owner.query(line)
  }
  for (const line of installFence({ runtimeRole, fenceRole })) await owner.query(line)
}
