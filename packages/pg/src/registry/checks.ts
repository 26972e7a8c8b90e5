import type { Finding } from '@tenantry/core'
import type pg from 'pg'
import { quoteIdentifier } from '../identifier.ts'
import { inTransaction } from '../in-transaction.ts'
import { migrationsIn, migrationTable } from './migrations.ts'
import { auditSql } from './schema/audit-sql.ts'
import { enrolmentGuardsSql } from './schema/enrolment-sql.ts'
import { runtimeGrants } from './schema/grants-sql.ts'
import { guardsSql } from './schema/guards-sql.ts'
import { identityGuardsSql } from './schema/identity-sql.ts'
import { allowedMoves } from './schema/moves.ts'
import { namesSql } from './schema/names-sql.ts'
import { noticesSql } from './schema/notices-sql.ts'

interface Check {
  readonly id: string
  readonly severity: Finding['severity']
  /** Answers with `object`, `problem` and `fix`. `$1` is the schema, `$2` what is granted. */
  readonly sql: string
}

/** `reach`: the login and whatever it can become. `relations`: what is no catalogue of the server's. */
const prelude = `
with reach as materialized (
  select * from pg_roles where pg_has_role(session_user, oid, 'MEMBER')
), relations as materialized (
  select c.oid, format('%I.%I', n.nspname, c.relname) as name, c.relname, c.relowner, n.nspname = $1 as own
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
   where c.relkind in ('r', 'p', 'v', 'm', 'f') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
), granted as materialized (
  select table_name, privilege from jsonb_to_recordset($2) as g (table_name text, privilege text)
)`

const powers = `array_remove(array[case when rolsuper then 'SUPERUSER' end, case when rolbypassrls then 'BYPASSRLS' end, case when rolcreaterole then 'CREATEROLE' end,
  case when rolcreatedb then 'CREATEDB' end, case when rolreplication then 'REPLICATION' end], null)`

const superuser: Check = {
  ...{ id: 'P3', severity: 'error' },
  sql: `select 'role ' || rolname as object, 'is a superuser: no guard holds it, and it reads the data of all tenants.' as problem,
               'Log in as a role that migrateRegistry has granted to.' as fix
          from reach where rolsuper order by rolname = session_user desc, 1 limit 1`,
}

const checks: readonly Check[] = [
  {
    ...{ id: 'P12', severity: 'error' },
    sql: `select 'role ' || r.rolname as object, 'has ' || array_to_string(p.powers, ', ') || ', which the registry needs for nothing.' as problem,
                 format('alter role %I nocreatedb nocreaterole nobypassrls noreplication', r.rolname) as fix
            from reach r cross join lateral (select ${powers}) p (powers) where p.powers <> '{}'
          union all
          select 'role ' || session_user, 'has what ' || rolname || ' may.', format('revoke %I from %I', rolname, session_user) from reach where rolname ~ '^pg_'`,
  },
  {
    ...{ id: 'P3', severity: 'error' },
    sql: `select 'table ' || name as object, 'belongs to ' || pg_get_userbyid(relowner) || ', as which the registry logs in: its guards can be switched off.' as problem,
                 'Migrate as another role than the registry runs as.' as fix
            from relations where relowner in (select oid from reach)
          union all
          select 'schema ' || nspname, 'belongs to ' || pg_get_userbyid(nspowner) || ', as which the registry logs in.', 'Migrate as another role than the registry runs as.'
            from pg_namespace where nspowner in (select oid from reach) and nspname !~ '^pg_'
          union all
          select 'schema ' || $1, 'lets ' || rolname || ' make objects in it.', format('revoke create on schema %I from public, %I', $1, rolname)
            from reach where has_schema_privilege(oid, (select oid from pg_namespace where nspname = $1), 'CREATE')`,
  },
  {
    ...{ id: 'P12', severity: 'error' },
    sql: `select 'table ' || r.name as object, 'is not the registry''s, and the role of the registry can read or write it.' as problem,
                 format('revoke all on %s from public, %I', r.name, (select string_agg(rolname, ', ') from reach where has_any_column_privilege(reach.oid, r.oid, 'SELECT, INSERT, UPDATE') or has_table_privilege(reach.oid, r.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE'))) as fix
            from relations r where not r.own and exists (select from reach where has_any_column_privilege(reach.oid, r.oid, 'SELECT, INSERT, UPDATE') or has_table_privilege(reach.oid, r.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE'))
             and exists (select from reach where has_schema_privilege(reach.oid, (select relnamespace from pg_class where oid = r.oid), 'USAGE'))`,
  },
  {
    ...{ id: 'P4', severity: 'error' },
    sql: `select 'table ' || r.name as object, 'lets the role of the registry ' || string_agg(p.privilege, ', ') || ', which would change what was written for ever.' as problem,
                 format('revoke %s on %s from public, %I', string_agg(p.privilege, ', '), r.name, session_user) as fix
            from relations r cross join unnest(array['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) p (privilege)
           where r.own and starts_with(r.relname, 'registry_')
             and exists (select from reach where has_table_privilege(reach.oid, r.oid, p.privilege) or (p.privilege = 'UPDATE' and has_any_column_privilege(reach.oid, r.oid, p.privilege)))
             and not exists (select from granted g where g.table_name = r.relname and g.privilege = p.privilege)
           group by r.name`,
  },
  {
    ...{ id: 'P3', severity: 'error' },
    sql: `select 'trigger ' || t.tgname || ' of ' || r.name as object, 'is switched off.' as problem, format('alter table %s enable trigger %I', r.name, t.tgname) as fix
            from pg_trigger t join relations r on r.oid = t.tgrelid where r.own and starts_with(r.relname, 'registry_') and not t.tgisinternal and t.tgenabled not in ('O', 'A')`,
  },
  {
    // With "replica", the server runs no trigger (PostgreSQL documentation, session_replication_role).
    ...{ id: 'P3', severity: 'error' },
    sql: `select 'role ' || rolname as object, 'may set session_replication_role, which switches all guards off.' as problem,
                 format('revoke set on parameter session_replication_role from public, %I', rolname) as fix
            from reach where has_parameter_privilege(oid, 'session_replication_role', 'SET')
          union all
          select 'role ' || session_user, 'has session_replication_role ' || setting || ', which switches all guards off.', format('alter role %I reset session_replication_role', session_user)
            from pg_settings where name = 'session_replication_role' and setting = 'replica'`,
  },
]

const triggersOf = `select t.tgname as name from pg_trigger t join pg_class c on c.oid = t.tgrelid join pg_namespace n on n.oid = c.relnamespace
  where n.nspname = $1 and not t.tgisinternal`

/** What the role of the registry can do beyond what it needs, and which guards are missing. */
export async function registryFindings(pool: pg.Pool, schema: string): Promise<readonly Finding[]> {
  const s = quoteIdentifier(schema)
  return inTransaction(pool, async query => {
    const values = [schema, JSON.stringify(grantedPrivileges())]
    async function look({ id, severity, sql }: Check): Promise<readonly Finding[]> {
      const text = `${prelude} select * from (${sql}) found where $1::text is not null and $2::jsonb is not null order by object collate "C", problem collate "C"`
      const { rows } = await query<Pick<Finding, 'object' | 'problem' | 'fix'>>(text, values)
      return rows.map(row => ({ id, severity, ...row }))
    }
    // To a superuser everything is granted; the rest would only say so.
    const first = await look(superuser)
    if (first.length > 0) return first
    const { rows } = await query<{ may: boolean | null }>(
      `select has_table_privilege(to_regclass($1), 'SELECT') as may`,
      [`${s}.${migrationTable}`],
    )
    if (rows[0]?.may !== true) return [behind(schema, 'is not there, or the role of the registry may not read it.')]
    const findings: Finding[] = []
    for (const check of checks) findings.push(...(await look(check)))
    const done = await query<{ name: string }>(`select name from ${s}.${migrationTable}`)
    const missing = Object.keys(migrationsIn(s)).filter(name => !done.rows.some(row => row.name === name))
    if (missing.length > 0) return [...findings, behind(schema, `lacks ${missing.join(', ')}.`)]
    const there = await query<{ name: string }>(triggersOf, [schema])
    for (const { table, name, fix } of guardsOf(s)) {
      if (there.rows.some(row => row.name === name)) continue
      findings.push({
        id: 'P3',
        severity: 'error',
        object: `trigger ${name} of ${schema}.${table}`,
        problem: 'is gone.',
        fix,
      })
    }
    const kept = await query<{ kind: string; from_status: string; to_status: string; guarded: boolean }>(
      `select kind, from_status, to_status, guarded from ${s}.registry_moves`,
    )
    const lines = kept.rows.map(
      ({ kind, from_status, to_status, guarded }) => `${kind} ${from_status} ${to_status} ${guarded}`,
    )
    const known = [true, false].map(allowRestore =>
      allowedMoves(allowRestore)
        .map(({ kind, from, to, guarded }) => `${kind} ${from} ${to} ${guarded}`)
        .sort()
        .join(),
    )
    if (!known.includes(lines.sort().join()))
      findings.push(behind(schema, 'has another table of transitions than this version.'))
    return findings
  })
}

function behind(schema: string, problem: string): Finding {
  const fix = 'Run migrateRegistry of this version, as the owner.'
  return { id: 'P3', severity: 'error', object: `schema ${schema}`, problem, fix }
}

/** The triggers that the migrations make, each with its statement. */
function guardsOf(s: string): readonly { readonly table: string; readonly name: string; readonly fix: string }[] {
  const made = [guardsSql, namesSql, noticesSql, auditSql, enrolmentGuardsSql, identityGuardsSql]
    .map(part => part(s))
    .join('\n')
  const found = made.matchAll(/^create trigger (\w+) .* on \S.*\.(\w+) for each .*/gm)
  return [...found].map(([fix, name = '', table = '']) => ({ table, name, fix }))
}

/** What the grants give on whole tables; rights on columns are less. */
function grantedPrivileges(): readonly { readonly table_name: string; readonly privilege: string }[] {
  return Object.entries(runtimeGrants).flatMap(([table, what]) =>
    what
      .replace(/insert \([^)]*\)/, '')
      .split(',')
      .map(privilege => ({ table_name: table, privilege: privilege.trim().toUpperCase() }))
      .filter(({ privilege }) => privilege !== ''),
  )
}
