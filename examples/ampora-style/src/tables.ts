import type { pgRls } from '@tenantry/pg-rls'

/**
 * What a tenant has (A44). `tenant_id` stands in every key, so that no foreign key leads to another tenant. `configurations` is older than
 * tenancy: {@link legacyTable} is what it was, and `adopt` puts it under its tenant.
 */
export const tables: Readonly<Record<string, string>> = {
  agent_groups: 'tenant_id text not null, name text not null, primary key (tenant_id, name)',
  rollouts: `tenant_id text not null, id uuid not null default gen_random_uuid(), configuration uuid not null, agent_group text not null,
    primary key (tenant_id, id), foreign key (tenant_id, configuration) references configurations (tenant_id, id),
    foreign key (tenant_id, agent_group) references agent_groups`,
  agents: `tenant_id text not null, id text not null, name text not null, agent_group text, seen timestamptz,
    primary key (tenant_id, id), foreign key (tenant_id, agent_group) references agent_groups`,
  lint_rules: 'tenant_id text not null, name text not null, pattern text not null, primary key (tenant_id, name)',
  policies: 'tenant_id text not null, name text not null, rule text not null, primary key (tenant_id, name)',
  audit_log: `tenant_id text not null, id bigint generated always as identity, at timestamptz not null default now(), actor text not null,
    action text not null, what text not null, primary key (tenant_id, id)`,
}

/** Configurations as they were with one tenant. */
export const legacyTable = `create table configurations (id uuid primary key default gen_random_uuid(), name text not null unique, body text not null)`

/** How tenants are kept apart: a tenant that injected SQL names is refused by the server. */
export const seal = 'challenge' satisfies Parameters<typeof pgRls>[0]['seal']
