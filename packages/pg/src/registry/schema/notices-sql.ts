import { functionSql, refuseSql, triggerSql } from './trigger-sql.ts'

/** Whoever changes what hangs on a tenant by hand raises its version with it; a transaction that has done so already does not twice. */
const raise = (s: string, tenant: string) =>
  `update ${s}.registry_tenants set version = version + 1 where id = ${tenant} and xmin <> pg_current_xact_id()::xid;`

/** A payload holds at most 8,000 bytes, and a domain 253 (PostgreSQL documentation, NOTIFY). */
const keysOfNotice = 20

/**
 * Tells of each change in its own transaction, so that whoever hears of it can read it.
 *
 * @param s - the schema, quoted.
 */
export const noticesSql = (s: string): string => `
${functionSql(
  `${s}.registry_tell_tenant()`,
  `perform pg_notify(m.channel, json_build_object('id', coalesce(new.id, old.id), 'version', coalesce(new.version, old.version + 1), 'keys', n.keys)::text)
     from ${s}.registry_meta m, (
       select json_agg(json_build_array(k.kind, k.value)) as keys from (
         select a.kind, a.value, (row_number() over () - 1) / ${keysOfNotice} as part from (
           select 'slug' as kind, s.slug as value from (values (old.slug), (new.slug)) s (slug) where s.slug is not null
            union
           select 'domain', d.name from ${s}.registry_domains d where d.tenant = coalesce(new.id, old.id)
         ) a
       ) k group by k.part
     ) n;
  return case when tg_op = 'DELETE' then old else new end;`,
)}
${triggerSql(s, 'registry_tenants', 'tell', 'after insert or update', 'registry_tell_tenant')}
${triggerSql(s, 'registry_tenants', 'tell_removal', 'before delete', 'registry_tell_tenant')}

${functionSql(
  `${s}.registry_tell_domain()`,
  `if tg_op = 'UPDATE' and (new.name, new.tenant) is distinct from (old.name, old.tenant) then
    raise exception using errcode = '${refuseSql.kept}', message = 'A domain is taken from one tenant and given to another, by two statements.';
  end if;
  ${raise(s, 'coalesce(new.tenant, old.tenant)')}
  perform pg_notify(m.channel, json_build_object('id', t.id, 'version', t.version, 'keys', json_build_array(json_build_array('domain', coalesce(new.name, old.name))))::text)
     from ${s}.registry_meta m, ${s}.registry_tenants t where t.id = coalesce(new.tenant, old.tenant);
  return null;`,
)}
${triggerSql(s, 'registry_domains', 'tell', 'after insert or update or delete', 'registry_tell_domain')}

${functionSql(
  `${s}.registry_tell_placement()`,
  `${raise(s, 'coalesce(new.tenant, old.tenant)')}
  return null;`,
)}
${triggerSql(s, 'registry_placements', 'tell', 'after insert or update or delete', 'registry_tell_placement')}
`
