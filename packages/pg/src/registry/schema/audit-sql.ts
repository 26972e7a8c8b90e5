import { functionSql, triggerSql } from './trigger-sql.ts'

/** How an entry says when it was written: the same text on every server and in every time zone. */
export const auditTimeSql = (column: string): string =>
  `to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`

/**
 * Each entry has the next number, and the hash of the one before it. Whoever writes one locks the head until the transaction ends, so
 * that the order of the chain is the order of commits, and no number is missing.
 *
 * @param s - the schema, quoted.
 */
export const auditSql = (s: string): string => `
create or replace function ${s}.registry_audit_field(value text) returns text immutable language sql set search_path = pg_catalog, pg_temp as
  $body$ select coalesce(octet_length(convert_to(value, 'UTF8')) || ':' || value, '-') || ',' $body$;
revoke all on function ${s}.registry_audit_field(text) from public;

${functionSql(
  `${s}.registry_chain()`,
  `select h.sequence, h.hash into strict last from ${s}.registry_audit_head h for update;
  new.sequence := last.sequence + 1;
  new.at := clock_timestamp();
  new.written_by := session_user;
  new.previous := last.hash;
  select sha256(convert_to(string_agg(${s}.registry_audit_field(f.value), '' order by f.place), 'UTF8')) into new.hash
    from unnest(array['tenantry-audit-1', new.sequence::text, ${auditTimeSql('new.at')}, new.written_by, new.action, new.actor,
                      new.tenant, new.reason, new.details::text, encode(new.previous, 'hex')]) with ordinality f (value, place);
  update ${s}.registry_audit_head set sequence = new.sequence, hash = new.hash;
  return new;`,
  'last record;',
)}
${triggerSql(s, 'registry_audit', 'chain', 'before insert', 'registry_chain')}
`
