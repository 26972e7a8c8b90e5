import { functionSql, refuseSql, triggerSql } from './trigger-sql.ts'

/**
 * Who calls: values of claims with the role that they give, members, and API keys as SHA-256. One value of a claim of an issuer is of one
 * tenant (C34), and a user has one default tenant.
 *
 * @param s - the schema, quoted.
 */
export const identitySql = (s: string): string => `
alter table ${s}.registry_identities
  add column claim text collate "C" not null default '',
  add column role text check (role <> ''),
  drop constraint registry_identities_value,
  add constraint registry_identities_value primary key (issuer, claim, value);

create table ${s}.registry_members (
  issuer text collate "C" not null check (issuer <> ''),
  subject text collate "C" not null check (subject <> ''),
  tenant text collate "C" not null references ${s}.registry_tenants on delete cascade,
  role text check (role <> ''),
  is_default boolean not null default false,
  created_at timestamptz not null default clock_timestamp(),
  primary key (issuer, subject, tenant)
);
create unique index registry_members_default on ${s}.registry_members (issuer, subject) where is_default;
create index registry_members_tenant on ${s}.registry_members (tenant);

create table ${s}.registry_api_keys (
  id text collate "C" primary key check (id <> ''),
  tenant text collate "C" not null references ${s}.registry_tenants on delete cascade,
  hash text collate "C" not null constraint registry_api_keys_hash unique check (hash ~ '^[0-9a-f]{64}$'),
  scopes text[],
  created_at timestamptz not null,
  expires_at timestamptz,
  revoked_at timestamptz,
  last_used_at timestamptz
);
create index registry_api_keys_tenant on ${s}.registry_api_keys (tenant, created_at);
${identityGuardsSql(s)}`

/** What was revoked stays so, whoever writes SQL by hand; and every change of a key but its use is told on the registry's channel. */
export function identityGuardsSql(s: string): string {
  const refuse = (message: string) => `raise exception using errcode = '${refuseSql.kept}', message = '${message}';`
  return `
${functionSql(
  `${s}.registry_guard_api_key()`,
  `if old.revoked_at is not null and new.revoked_at is distinct from old.revoked_at then ${refuse('A key that is revoked stays revoked.')} end if;
  if (new.id, new.tenant, new.hash, new.scopes, new.created_at) is distinct from (old.id, old.tenant, old.hash, old.scopes, old.created_at) then
    ${refuse('What a key was issued with never changes.')}
  end if;
  if old.expires_at is not null and (new.expires_at is null or new.expires_at > old.expires_at) then
    ${refuse('A key ends when it was said to, or sooner.')}
  end if;
  return new;`,
)}
${triggerSql(s, 'registry_api_keys', 'guard_update', 'before update', 'registry_guard_api_key')}
${functionSql(
  `${s}.registry_tell_api_key()`,
  `perform pg_notify(m.channel, json_build_object('id', t.id, 'version', t.version, 'keys', '[]'::json)::text)
     from ${s}.registry_meta m, ${s}.registry_tenants t where t.id = coalesce(new.tenant, old.tenant);
  return null;`,
)}
${triggerSql(s, 'registry_api_keys', 'tell', 'after delete or update of expires_at, revoked_at', 'registry_tell_api_key')}
${['api_keys', 'members']
  .map(table => triggerSql(s, `registry_${table}`, 'refuse', 'before truncate', 'registry_refuse', 'statement'))
  .join('\n')}
`
}
