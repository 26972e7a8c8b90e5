import { functionSql, refuseSql, triggerSql } from './trigger-sql.ts'

/**
 * Pools and tokens of enrolment. Secrets stand here as SHA-256 and nowhere else. A token of a pool is of the pool's tenant: the foreign key
 * has both (A25).
 *
 * @param s - the schema, quoted.
 */
export const enrolmentSql = (s: string): string => `
create table ${s}.registry_enrolment_pools (
  id text collate "C" primary key,
  tenant text collate "C" not null references ${s}.registry_tenants on delete cascade,
  name text collate "C" not null check (name <> ''),
  default_group text,
  ttl bigint not null check (ttl > 0),
  secret_hash text collate "C" not null check (secret_hash ~ '^[0-9a-f]{64}$'),
  created_at timestamptz not null default clock_timestamp(),
  revoked_at timestamptz,
  constraint registry_enrolment_pools_name unique (tenant, name),
  constraint registry_enrolment_pools_tenant unique (id, tenant)
);

create table ${s}.registry_enrolment_tokens (
  id text collate "C" primary key,
  hash text collate "C" not null unique check (hash ~ '^[0-9a-f]{64}$'),
  tenant text collate "C" not null references ${s}.registry_tenants on delete cascade,
  pool text collate "C",
  default_group text,
  label text,
  max_uses integer not null check (max_uses >= 1),
  uses integer not null default 0 check (uses between 0 and max_uses),
  created_at timestamptz not null default clock_timestamp(),
  expires_at timestamptz,
  revoked_at timestamptz,
  foreign key (pool, tenant) references ${s}.registry_enrolment_pools (id, tenant) on delete cascade
);
create index registry_enrolment_tokens_tenant on ${s}.registry_enrolment_tokens (tenant, created_at);
create index registry_enrolment_tokens_pool on ${s}.registry_enrolment_tokens (pool, tenant);

create table ${s}.registry_enrolment_redemptions (
  id text collate "C" primary key,
  token text collate "C" not null references ${s}.registry_enrolment_tokens on delete cascade,
  redeemer text collate "C" not null check (redeemer <> ''),
  reserved_at timestamptz not null default clock_timestamp(),
  attempt integer not null default 1,
  attempt_until timestamptz not null,
  consumed_at timestamptz,
  unique (token, redeemer)
);
create index registry_enrolment_redemptions_redeemer on ${s}.registry_enrolment_redemptions (redeemer) where consumed_at is not null;
${enrolmentGuardsSql(s)}`

/** What was revoked or used stays so, whoever writes SQL by hand. */
export function enrolmentGuardsSql(s: string): string {
  const refuse = (message: string) => `raise exception using errcode = '${refuseSql.kept}', message = '${message}';`
  return `
${functionSql(
  `${s}.registry_guard_enrolment_pool()`,
  `if old.revoked_at is not null then ${refuse('What is revoked stays revoked.')} end if;
  if (new.id, new.tenant, new.name, new.default_group, new.ttl, new.created_at) is distinct from
     (old.id, old.tenant, old.name, old.default_group, old.ttl, old.created_at) then
    ${refuse('Only the secret of a pool changes.')}
  end if;
  return new;`,
)}
${triggerSql(s, 'registry_enrolment_pools', 'guard_update', 'before update', 'registry_guard_enrolment_pool')}

${functionSql(
  `${s}.registry_guard_enrolment_token()`,
  `if old.revoked_at is not null then ${refuse('What is revoked stays revoked.')} end if;
  if new.uses < old.uses then ${refuse('What was used stays used.')} end if;
  if (new.id, new.hash, new.tenant, new.pool, new.default_group, new.max_uses, new.expires_at) is distinct from
     (old.id, old.hash, old.tenant, old.pool, old.default_group, old.max_uses, old.expires_at) then
    ${refuse('What a token was issued with never changes.')}
  end if;
  return new;`,
)}
${triggerSql(s, 'registry_enrolment_tokens', 'guard_update', 'before update', 'registry_guard_enrolment_token')}

${functionSql(
  `${s}.registry_guard_enrolment_redemption()`,
  `if old.consumed_at is not null then ${refuse('What was redeemed stays redeemed.')} end if;
  if (new.id, new.token, new.redeemer) is distinct from (old.id, old.token, old.redeemer) or new.attempt < old.attempt then
    ${refuse('A redemption is of one redeemer for ever.')}
  end if;
  return new;`,
)}
${triggerSql(s, 'registry_enrolment_redemptions', 'guard_update', 'before update', 'registry_guard_enrolment_redemption')}
${['pools', 'tokens', 'redemptions']
  .map(table =>
    triggerSql(s, `registry_enrolment_${table}`, 'refuse', 'before truncate', 'registry_refuse', 'statement'),
  )
  .join('\n')}
`
}
