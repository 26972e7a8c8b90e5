import { functionSql, refuseSql, triggerSql } from './trigger-sql.ts'

/** What may never be done to a table, by anybody, the owner's accidents included. Rows of tenants' things go with their tenant. */
const forbidden: Readonly<Record<string, string>> = {
  registry_meta: 'delete or truncate',
  registry_moves: 'truncate',
  registry_tenants: 'truncate',
  registry_domains: 'truncate',
  registry_identities: 'truncate',
  registry_placements: 'truncate',
  registry_secrets: 'truncate',
  registry_names: 'update or delete or truncate',
  registry_operations: 'delete or truncate',
  registry_steps: 'delete or truncate',
  registry_audit: 'update or delete or truncate',
  registry_audit_head: 'delete or truncate',
}

/**
 * The guards of tenants and of the journal, for whoever writes SQL by hand (T31, P19, P3): the life cycle checks the same before.
 *
 * @param s - the schema, quoted.
 */
export const guardsSql = (s: string): string => `
${functionSql(
  `${s}.registry_refuse()`,
  `raise exception using errcode = '${refuseSql.kept}',
    message = format('%s on %s is refused: what stands in it is kept.', tg_op, tg_table_name);`,
)}
${Object.entries(forbidden)
  .map(([table, events]) => triggerSql(s, table, 'refuse', `before ${events}`, 'registry_refuse', 'statement'))
  .join('\n')}

${functionSql(
  `${s}.registry_guard_insert()`,
  `if not exists (select from ${s}.registry_moves m where m.from_status is null and m.to_status = new.status) then
    raise exception using errcode = '${refuseSql.transition}', message = format('No tenant begins as %s.', new.status);
  end if;
  if new.version <> 1 then
    raise exception using errcode = '${refuseSql.version}', message = 'The first version of a tenant is 1.';
  end if;
  return new;`,
)}
${triggerSql(s, 'registry_tenants', 'guard_insert', 'before insert', 'registry_guard_insert')}

${functionSql(
  `${s}.registry_guard_update()`,
  `if new.id <> old.id then
    raise exception using errcode = '${refuseSql.kept}', message = 'The id of a tenant never changes.';
  end if;
  if new.version <> old.version + 1 then
    raise exception using errcode = '${refuseSql.version}',
      message = format('Tenant %s is at version %s, and each change raises it by one.', old.id, old.version);
  end if;
  if (old.is_default and not new.is_default) or (old.is_control and not new.is_control) then
    raise exception using errcode = '${refuseSql.transition}', message = 'The default and the control tenant stay what they are.';
  end if;
  if new.status <> old.status and not exists (
    select from ${s}.registry_moves m
     where m.from_status = old.status and m.to_status = new.status and not (m.guarded and (old.is_default or old.is_control))
  ) then
    raise exception using errcode = '${refuseSql.transition}',
      message = format('Tenant %s is %s and cannot become %s.', old.id, old.status, new.status);
  end if;
  new.created_at := old.created_at;
  new.updated_at := clock_timestamp();
  return new;`,
)}
${triggerSql(s, 'registry_tenants', 'guard_update', 'before update', 'registry_guard_update')}

${functionSql(
  `${s}.registry_guard_delete()`,
  `if old.is_default or old.is_control or not exists (
    select from ${s}.registry_moves m where m.from_status = old.status and m.to_status is null
  ) then
    raise exception using errcode = '${refuseSql.transition}', message = format(
      'Tenant %s cannot be removed: it is %s.', old.id,
      case when old.is_default then 'the default tenant' when old.is_control then 'the control tenant' else old.status end);
  end if;
  return old;`,
)}
${triggerSql(s, 'registry_tenants', 'guard_delete', 'before delete', 'registry_guard_delete')}

${functionSql(
  `${s}.registry_guard_operation()`,
  `if old.state in ('done', 'failed') or (old.state = 'undoing' and new.state = 'running') then
    raise exception using errcode = '${refuseSql.kept}', message = format('Operation %s is %s.', old.id, old.state);
  end if;
  if (new.id, new.tenant, new.kind, new.actor, new.reason, new.key, new.digest, new.parameters) is distinct from
     (old.id, old.tenant, old.kind, old.actor, old.reason, old.key, old.digest, old.parameters)
     or new.claim_number < old.claim_number then
    raise exception using errcode = '${refuseSql.kept}', message = 'What an operation was begun with never changes.';
  end if;
  return new;`,
)}
${triggerSql(s, 'registry_operations', 'guard_update', 'before update', 'registry_guard_operation')}
`
