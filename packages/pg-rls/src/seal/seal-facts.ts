import { grantees, through } from '../catalog-sql.ts'

/** What the catalogue says of the seal. */
export interface SealFacts {
  /** Null where it is missing. */
  readonly verifier: VerifierFacts | null
  /** Null where it is missing. */
  readonly keys: KeyTableFacts | null
  /** Through whom the role may create objects in the seal's schema; without its owner. */
  readonly creators: readonly string[]
  /** The owner of the seal's schema. */
  readonly schemaOwner: OwnerFacts | null
  /** Why the server refused a proof made with the application's key; null when it took it, or was not asked. */
  readonly refused: string | null
}

/** The function that the policies ask. */
export interface VerifierFacts {
  readonly source: string
  readonly language: string
  readonly definer: boolean
  readonly volatility: string
  readonly parallel: string
  readonly leakproof: boolean
  readonly settings: readonly string[]
  readonly owner: OwnerFacts
  /** Whether PUBLIC may call it. */
  readonly public: boolean
  /** Whether the role may call it. */
  readonly callable: boolean
}

/** A role that owns a part of the seal. */
export interface OwnerFacts {
  readonly name: string
  readonly login: boolean
  readonly superuser: boolean
  readonly bypassRls: boolean
  /** The roles, granted to the current one directly, that lead there; the role itself, where it is the owner. */
  readonly through: readonly string[]
}

/** The table of the keys. */
export interface KeyTableFacts {
  readonly owner: OwnerFacts
  /** Who, other than the owner, has any privilege on it; quoted. */
  readonly grantees: readonly string[]
  /** Triggers and rules, which could copy a key; the statements that drop them. */
  readonly hooks: readonly { readonly name: string; readonly drop: string }[]
}

function owner(oid: string): string {
  return `(select json_build_object('name', r.rolname, 'login', r.rolcanlogin, 'superuser', r.rolsuper,
     'bypassRls', r.rolbypassrls, 'through', case when r.rolname = current_user then array[r.rolname::text] else ${through('r.oid')} end)
     from pg_roles r where r.oid = ${oid})`
}

const acl = `(coalesce(c.relacl, acldefault('r', c.relowner)) || array(
    select e from pg_attribute col, unnest(col.attacl) e where col.attrelid = c.oid and not col.attisdropped))`

/** $1: the schema of the seal. */
export const sealSql = `
select (select json_build_object('source', f.prosrc, 'language', l.lanname, 'definer', f.prosecdef,
     'volatility', f.provolatile, 'parallel', f.proparallel, 'leakproof', f.proleakproof,
     'settings', coalesce(f.proconfig, '{}'), 'owner', ${owner('f.proowner')},
     'public', exists (select from aclexplode(coalesce(f.proacl, acldefault('f', f.proowner))) x where x.grantee = 0),
     'callable', has_function_privilege(f.oid, 'EXECUTE') and has_schema_privilege(n.oid, 'USAGE'))
     from pg_proc f join pg_language l on l.oid = f.prolang
    where f.pronamespace = n.oid and f.proname = 'current_tenant' and f.pronargs = 0) as verifier,
  (select json_build_object('owner', ${owner('c.relowner')},
     'grantees', array(select distinct case x.grantee when 0 then 'public' else quote_ident(pg_get_userbyid(x.grantee)) end
        from aclexplode(${acl}) x where x.grantee <> c.relowner order by 1),
     'hooks', coalesce((select json_agg(json_build_object('name', h.name,
            'drop', format('drop %s %I on %s', h.kind, h.name, c.oid::regclass)) order by h.name)
        from (select 'trigger' as kind, tgname as name from pg_trigger where tgrelid = c.oid and not tgisinternal
              union all select 'rule', rulename from pg_rewrite where ev_class = c.oid) h), '[]'))
     from pg_class c where c.relnamespace = n.oid and c.relname = 'seal_key' and c.relkind = 'r') as keys,
  coalesce(${grantees("coalesce(n.nspacl, acldefault('n', n.nspowner))", "x.privilege_type = 'CREATE' and x.grantee <> n.nspowner")}, '{}') as creators,
  ${owner('n.nspowner')} as "schemaOwner",
  null as refused
from (select 1) one left join pg_namespace n on n.nspname = $1`
