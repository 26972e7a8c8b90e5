/** SQLSTATEs of our own triggers. Classes that begin with T are nobody's (PostgreSQL documentation, appendix A). */
export const refuseSql = { transition: 'TN001', version: 'TN002', kept: 'TN003' } as const

/**
 * A function for triggers. It has the rights of the owner, so that the runtime role needs none on what it writes, and a search path that
 * nobody else can put anything in.
 */
export function functionSql(signature: string, body: string, declare = ''): string {
  return `create or replace function ${signature} returns trigger language plpgsql security definer set search_path = pg_catalog, pg_temp as $body$
${declare === '' ? '' : `declare\n  ${declare}\n`}begin
  ${body}
end $body$;
revoke all on function ${signature} from public;`
}

/** @param s - the schema, quoted; the trigger's name is that of the table with `name` behind it. */
export function triggerSql(
  s: string,
  table: string,
  name: string,
  when: string,
  run: string,
  each: 'row' | 'statement' = 'row',
): string {
  return `create trigger ${table}_${name} ${when} on ${s}.${table} for each ${each} execute function ${s}.${run}();`
}
