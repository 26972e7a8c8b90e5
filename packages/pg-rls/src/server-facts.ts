import { grantees, notOwner, self, through } from './catalog-sql.ts'
import { reachesFiles, reachesLargeObjects } from './large-objects.ts'

/** What the server and the database allow the role beside its privileges on tables. */
export interface ServerFacts {
  /** `server_version_num`: 150014 is 15.14. */
  readonly version: number
  /** Our setting as a fresh transaction finds it. */
  readonly standing: string
  /** Whether `lo_compat_privileges` is on. */
  readonly largeObjectsOpen: boolean
  /** Whether there is a large object that belongs to the role or was granted to it. */
  readonly holdsLargeObjects: boolean
  /** Functions by which the role may make or reach large objects, and through whom. */
  readonly largeObjects: readonly GrantedFacts[]
  /** Functions by which the role may read or write files of the server, and through whom. */
  readonly files: readonly GrantedFacts[]
  /** Settings that every session of the role starts with. */
  readonly stored: readonly StoredSetting[]
  /** Predefined roles that the role can become. */
  readonly predefined: readonly { readonly name: string; readonly through: readonly string[] }[]
  /** LEAKPROOF functions of somebody else than the server and its extensions. */
  readonly leakproof: readonly string[]
  /** Languages in which the role may run anonymous code (`DO`), and through whom. */
  readonly languages: readonly GrantedFacts[]
  /** Catalogues with what row security hides, and through whom the role may read them. */
  readonly catalogs: readonly GrantedFacts[]
  /** Through whom the role may create schemas. */
  readonly createsSchemas: readonly string[]
  /** SECURITY DEFINER triggers on tables with a tenant column. */
  readonly triggers: readonly TriggerFacts[]
  /** Rewrite rules on tables with a tenant column. */
  readonly rules: readonly { readonly schema: string; readonly table: string; readonly name: string }[]
}

/** A thing of the server that the role may use. */
export interface GrantedFacts {
  /** Of a function: as SQL, with its arguments. */
  readonly name: string
  /** Grantees, quoted. */
  readonly from: readonly string[]
}

/** A setting that `ALTER ROLE … SET` or `ALTER DATABASE … SET` has stored. */
export interface StoredSetting {
  readonly name: string
  readonly value: string
  /** Null for a setting of the database. */
  readonly role: string | null
  /** Null for a setting in all databases. */
  readonly database: string | null
}

/** A trigger whose function runs as its owner. */
export interface TriggerFacts {
  readonly schema: string
  readonly table: string
  readonly name: string
  readonly function: string
  readonly functionSchema: string
  readonly owner: string
  readonly bypass: boolean
  readonly pinned: boolean
}

const superuser = '(select rolsuper from pg_roles where rolname = current_user)'

// The first oid that is not the server's own (FirstNormalObjectId).
const theirs = `f.oid >= 16384 and not exists (select from pg_depend d
    where d.classid = 'pg_proc'::regclass and d.objid = f.oid and d.deptype = 'e')`

const tenantTable = `join pg_namespace n on n.oid = c.relnamespace and n.nspname = any ($1)
     join pg_attribute a on a.attrelid = c.oid and a.attname = $2 and not a.attisdropped and a.attnum > 0`

function list(columns: string, from: string, order: string): string {
  return `coalesce((select json_agg(json_build_object(${columns}) order by ${order}) from ${from}), '[]')`
}

function callable(where: string): string {
  const holders = grantees("coalesce(f.proacl, acldefault('f', f.proowner))", 'x.grantee <> f.proowner')
  return list(
    `'name', x.name, 'from', x.holders`,
    `(select 'pg_catalog.' || f.oid::regprocedure::text as name, ${holders} as holders from pg_proc f where ${where}) x
      where cardinality(x.holders) > 0`,
    'x.name',
  )
}

/** $1: schemas, $2: the tenant column, $3: the setting. */
export const serverSql = `
select current_setting('server_version_num')::int as version,
  coalesce(current_setting($3, true), '') as standing,
  current_setting('lo_compat_privileges')::boolean as "largeObjectsOpen",
  exists (select from pg_largeobject_metadata m
           where m.lomowner in (${self}) or exists (select from aclexplode(m.lomacl) x
                  where x.grantee = 0 or x.grantee in (${self}))) as "holdsLargeObjects",
  ${callable(reachesLargeObjects('f'))} as "largeObjects",
  ${callable(reachesFiles('f'))} as files,
  -- A session gets the settings of the role that logged in.
  ${list(
    `'name', split_part(kv, '=', 1), 'value', substr(kv, strpos(kv, '=') + 1),
     'role', case s.setrole when 0 then null else pg_get_userbyid(s.setrole) end,
     'database', case s.setdatabase when 0 then null else current_database() end`,
    `pg_db_role_setting s, unnest(s.setconfig) kv
      where (s.setdatabase = 0 or s.setdatabase = (select oid from pg_database where datname = current_database()))
        and (s.setrole = 0 or pg_get_userbyid(s.setrole) in (current_user, session_user))`,
    'kv, s.setdatabase, s.setrole',
  )} as stored,
  -- A superuser can become everybody, which is a finding of its own; so is the database's owner.
  ${list(
    `'name', r.rolname, 'through', ${through('r.oid')}`,
    `pg_roles r where r.oid < 16384 and r.rolname like 'pg\\_%' and r.rolname <> 'pg_database_owner'
        and not ${superuser} and pg_has_role(current_user, r.oid, 'MEMBER')`,
    'r.rolname',
  )} as predefined,
  array(select f.oid::regprocedure::text from pg_proc f where f.proleakproof and ${theirs}
         order by 1) as leakproof,
  ${list(
    `'name', x.name, 'from', x.holders`,
    `(select l.lanname as name,
             ${grantees("coalesce(l.lanacl, acldefault('l', l.lanowner))", 'x.grantee <> l.lanowner')} as holders
        from pg_language l where l.laninline <> 0 and l.lanpltrusted) x where cardinality(x.holders) > 0`,
    'x.name',
  )} as languages,
  ${list(
    `'name', x.name, 'from', x.holders`,
    `(select c.relname as name, ${grantees('c.relacl', "x.privilege_type = 'SELECT' and x.grantee <> c.relowner")} as holders
        from pg_class c where c.relnamespace = 'pg_catalog'::regnamespace
         and c.relname in ('pg_statistic', 'pg_statistic_ext_data', 'pg_authid', 'pg_largeobject', 'pg_user_mapping')) x
      where cardinality(x.holders) > 0`,
    'x.name',
  )} as catalogs,
  (select ${grantees("coalesce(d.datacl, acldefault('d', d.datdba))", `x.privilege_type = 'CREATE' and ${notOwner('d.datdba')} and not ${superuser}`)}
     from pg_database d where d.datname = current_database()) as "createsSchemas",
  ${list(
    `'schema', n.nspname, 'table', c.relname, 'name', t.tgname, 'function', f.oid::regprocedure::text,
     'functionSchema', fn.nspname, 'owner', r.rolname, 'bypass', r.rolsuper or r.rolbypassrls,
     'pinned', exists (select from unnest(f.proconfig) s where s like 'search\\_path=%')`,
    `pg_trigger t join pg_class c on c.oid = t.tgrelid ${tenantTable}
     join pg_proc f on f.oid = t.tgfoid join pg_namespace fn on fn.oid = f.pronamespace join pg_roles r on r.oid = f.proowner
      where f.prosecdef and not t.tgisinternal and t.tgparentid = 0`,
    'n.nspname, c.relname, t.tgname',
  )} as triggers,
  ${list(
    `'schema', n.nspname, 'table', c.relname, 'name', w.rulename`,
    `pg_rewrite w join pg_class c on c.oid = w.ev_class and c.relkind in ('r', 'p') ${tenantTable}`,
    'n.nspname, c.relname, w.rulename',
  )} as rules`
