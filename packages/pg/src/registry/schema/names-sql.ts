import { functionSql, refuseSql, triggerSql } from './trigger-sql.ts'

const keep = (s: string, kind: string, value: string, tenant: string) =>
  `insert into ${s}.registry_names (kind, value, tenant) values (${kind}, lower(${value}), ${tenant}) on conflict do nothing;`

const refuseTaken = (constraint: string, what: string, value: string) =>
  `raise exception using errcode = 'unique_violation', constraint = '${constraint}', message = '${what} was given to another tenant.',
      detail = format('Key (value)=(%s) is kept.', ${value});`

const isOthers = (s: string, kind: string, value: string, tenant: string) =>
  `exists (select from ${s}.registry_names n where n.kind = ${kind} and n.value = lower(${value}) and n.tenant <> ${tenant})`

/**
 * Every id, slug and storage key that was ever given is remembered for its tenant, also behind its end (L5): what has a name of a former
 * tenant inherits its caches, keys and files. Storage keys never change.
 *
 * @param s - the schema, quoted.
 */
export const namesSql = (s: string): string => `
${functionSql(
  `${s}.registry_name_tenant()`,
  `if tg_op = 'INSERT' then
    ${keep(s, "'id'", 'new.id', 'new.id')}
    if not found then ${refuseTaken('registry_names_id', 'This id', 'new.id')} end if;
  end if;
  ${keep(s, "'slug'", 'new.slug', 'new.id')}
  if ${isOthers(s, "'slug'", 'new.slug', 'new.id')} then ${refuseTaken('registry_names_slug', 'This slug', 'new.slug')} end if;
  return new;`,
)}
${triggerSql(s, 'registry_tenants', 'name', 'after insert or update of slug', 'registry_name_tenant')}

${functionSql(
  `${s}.registry_name_storage()`,
  `if tg_op <> 'INSERT' and old.is_storage_key and exists (select from ${s}.registry_tenants t where t.id = old.tenant)
     and (tg_op = 'DELETE' or (new.tenant, new.key, new.value, new.is_storage_key) is distinct from (old.tenant, old.key, old.value, old.is_storage_key)) then
    raise exception using errcode = '${refuseSql.kept}', message = format('The storage key %s of tenant %s never changes.', old.key, old.tenant);
  end if;
  if tg_op = 'DELETE' then return old; end if;
  if new.is_storage_key then
    ${keep(s, "'storage ' || new.key", 'new.value', 'new.tenant')}
  end if;
  -- Also where it is not said to be one: it would lead to what the other tenant has all the same.
  if ${isOthers(s, "'storage ' || new.key", 'new.value', 'new.tenant')} then ${refuseTaken('registry_names_storage', 'This storage key', 'new.value')} end if;
  return new;`,
)}
${triggerSql(s, 'registry_placements', 'name', 'before insert or update or delete', 'registry_name_storage')}
`
