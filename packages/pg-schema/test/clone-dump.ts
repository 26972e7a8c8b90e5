import type pg from 'pg'

/**
 * A dump of a schema for tests alone: every column of every row of the catalogues, and every definition as the server prints it. It
 * shares nothing with what clones, so that a mistake there is seen here. Numbers of objects are told by name, and those of columns,
 * which a dropped one moves, by the names of the columns.
 */
export async function catalogDump(
  client: pg.Client,
  schema: string,
  within: 'transaction' | 'savepoint' = 'transaction',
): Promise<readonly string[]> {
  await client.query(within === 'savepoint' ? 'savepoint dump' : 'begin')
  try {
    await client.query('set local search_path = pg_catalog; set local timezone = utc')
    const lines: string[] = []
    for (const [what, sql] of Object.entries(queries)) {
      const { rows } = await client.query<{ line: string }>(`select line::text from (${sql}) x(line)`, [schema])
      lines.push(...rows.map(({ line }) => `${what} ${line}`))
    }
    return lines.sort()
  } finally {
    await client.query(within === 'savepoint' ? 'rollback to savepoint dump' : 'rollback')
  }
}

const names = (relation: string, numbers: string) =>
  `(select jsonb_agg((select attname from pg_attribute where attrelid = ${relation} and attnum = k) order by o)
     from unnest(${numbers}) with ordinality u(k, o))`

const relation = `from pg_class c where c.relnamespace = $1::regnamespace`
const ofRelation = (column: string) => `${column} in (select oid from pg_class where relnamespace = $1::regnamespace)`

/** A list of grants, whatever the order in which they were made. */
const acl = (column: string) => `(select jsonb_agg(a::text order by a::text) from unnest(${column}) a)`

const identity = (catalog: string, oid: string) =>
  `(select i.type || ' ' || i.identity from pg_identify_object('${catalog}'::regclass, ${oid}, 0) i)`

/** All columns of a row, but for the given ones, and these instead. */
const row = (alias: string, without: readonly string[], instead: Readonly<Record<string, string>> = {}) => {
  const pairs = Object.entries(instead).flatMap(([name, value]) => [`'${name}'`, value])
  const drop = [...without, ...Object.keys(instead)].map(name => `'${name}'`).join(', ')
  return `(to_jsonb(${alias}) - array[${drop}]::text[] || jsonb_build_object(${pairs.join(', ')}))`
}

/** Of the constraints that the server makes by itself for the parts of a partitioned table, it chooses the names too. */
const chosen = (constraint: string) => `${constraint}.contype = 'f' and ${constraint}.conparentid <> 0`

const storage = [
  'oid',
  'relfilenode',
  'relpages',
  'reltuples',
  'relallvisible',
  'relallfrozen',
  'relfrozenxid',
  'relminmxid',
]

const queries: Readonly<Record<string, string>> = {
  schema: `select jsonb_build_array(pg_get_userbyid(nspowner), ${acl('nspacl')}) from pg_namespace where nspname = $1`,
  class: `select ${row('c', [...storage, 'relnatts', 'relhastriggers', 'relhasrules', 'relhassubclass', 'relacl'], {
    relnamespace: `'x'`,
    reltype: `(select typname from pg_type where oid = c.reltype)`,
    reloftype: `nullif(c.reloftype, 0)::regtype::text`,
    relowner: `pg_get_userbyid(c.relowner)`,
    relam: `(select amname from pg_am where oid = c.relam)`,
    reltablespace: `(select spcname from pg_tablespace where oid = c.reltablespace)`,
    reltoastrelid: `(select jsonb_build_array(t.reloptions, t.relpersistence) from pg_class t where t.oid = c.reltoastrelid)`,
    relpartbound: `pg_get_expr(c.relpartbound, c.oid)`,
    relrewrite: `'x'`,
    grants: acl('c.relacl'),
  })} ${relation}`,
  view: `select jsonb_build_array(c.oid::regclass, pg_get_viewdef(c.oid)) ${relation} and c.relkind in ('v', 'm')`,
  partition: `select jsonb_build_array(c.oid::regclass, pg_get_partkeydef(c.oid), pg_get_expr(c.relpartbound, c.oid)) ${relation} and c.relkind = 'p'`,
  inherits: `select jsonb_build_array(inhrelid::regclass, inhparent::regclass, inhseqno, inhdetachpending)
    from pg_inherits where ${ofRelation('inhrelid')} or ${ofRelation('inhparent')}`,
  column: `select jsonb_build_array(a.attrelid::regclass, row_number() over (partition by a.attrelid order by a.attnum),
      ${row('a', ['attrelid', 'attnum', 'attcacheoff', 'atthasmissing', 'attmissingval', 'attndims', 'attacl'], {
        atttypid: `format_type(a.atttypid, a.atttypmod)`,
        attcollation: `a.attcollation::regcollation::text`,
        grants: acl('a.attacl'),
      })}) from pg_attribute a where ${ofRelation('a.attrelid')} and attnum > 0 and not attisdropped`,
  default: `select jsonb_build_array(adrelid::regclass, ${names('adrelid', 'array[adnum]')}, pg_get_expr(adbin, adrelid))
    from pg_attrdef where ${ofRelation('adrelid')}`,
  // Of the key of a partition, connoinherit says whether the table was made as one or became one. The server asks it of checks only.
  constraint: `select ${row('k', ['oid', 'conbin', 'connamespace', 'connoinherit'], {
    conname: `case when ${chosen('k')} then '(chosen)' else k.conname end`,
    checked: `k.contype in ('c', 'n') and k.connoinherit`,
    conrelid: `nullif(k.conrelid, 0)::regclass::text`,
    contypid: `nullif(k.contypid, 0)::regtype::text`,
    conindid: `nullif(k.conindid, 0)::regclass::text`,
    conparentid: `(select conname from pg_constraint p where p.oid = k.conparentid)`,
    confrelid: `nullif(k.confrelid, 0)::regclass::text`,
    conkey: names('k.conrelid', 'k.conkey'),
    confkey: names('k.confrelid', 'k.confkey'),
    confdelsetcols: names('k.conrelid', 'k.confdelsetcols'),
    conpfeqop: `k.conpfeqop::regoperator[]::text`,
    conppeqop: `k.conppeqop::regoperator[]::text`,
    conffeqop: `k.conffeqop::regoperator[]::text`,
    conexclop: `k.conexclop::regoperator[]::text`,
    definition: `pg_get_constraintdef(k.oid)`,
  })} from pg_constraint k where k.connamespace = $1::regnamespace`,
  index: `select ${row('i', ['indcheckxmin', 'indexprs', 'indpred'], {
    indexrelid: 'i.indexrelid::regclass',
    indrelid: 'i.indrelid::regclass',
    indkey: names('i.indrelid', 'i.indkey::int2[]'),
    indcollation: 'i.indcollation::oid[]::regcollation[]::text',
    indclass: `(select jsonb_agg(${identity('pg_opclass', 'o')}) from unnest(i.indclass::oid[]) o)`,
    definition: 'pg_get_indexdef(i.indexrelid)',
  })} from pg_index i where ${ofRelation('i.indrelid')}`,
  sequence: `select ${row('s', [], { seqrelid: 's.seqrelid::regclass', seqtypid: 's.seqtypid::regtype' })}
    from pg_sequence s where ${ofRelation('s.seqrelid')}`,
  type: `select ${row('t', ['oid', 'typnamespace', 'typacl', 'typdefaultbin', 'typdefault'], {
    typowner: 'pg_get_userbyid(t.typowner)',
    typrelid: 'nullif(t.typrelid, 0)::regclass::text',
    typelem: 'nullif(t.typelem, 0)::regtype::text',
    typarray: 'nullif(t.typarray, 0)::regtype::text',
    typbasetype: 'format_type(nullif(t.typbasetype, 0), t.typtypmod)',
    typcollation: 't.typcollation::regcollation::text',
    default: `pg_get_expr(t.typdefaultbin, 0)`,
    grants: acl('t.typacl'),
  })} from pg_type t where t.typnamespace = $1::regnamespace`,
  enum: `select jsonb_build_array(enumtypid::regtype, array_agg(enumlabel order by enumsortorder))
    from pg_enum join pg_type t on t.oid = enumtypid where t.typnamespace = $1::regnamespace group by enumtypid`,
  range: `select ${row('r', [], {
    rngtypid: 'r.rngtypid::regtype',
    rngsubtype: 'r.rngsubtype::regtype',
    rngmultitypid: 'r.rngmultitypid::regtype',
    rngcollation: 'r.rngcollation::regcollation::text',
    rngsubopc: identity('pg_opclass', 'r.rngsubopc'),
  })} from pg_range r join pg_type t on t.oid = r.rngtypid where t.typnamespace = $1::regnamespace`,
  function: `select ${row('p', ['oid', 'pronamespace', 'prosqlbody', 'proargdefaults', 'proacl'], {
    proowner: 'pg_get_userbyid(p.proowner)',
    prolang: '(select lanname from pg_language l where l.oid = p.prolang)',
    provariadic: 'p.provariadic::regtype',
    prorettype: 'p.prorettype::regtype',
    proargtypes: 'p.proargtypes::oid[]::regtype[]::text',
    proallargtypes: 'p.proallargtypes::regtype[]::text',
    protrftypes: 'p.protrftypes::regtype[]::text',
    grants: acl('p.proacl'),
    definition: `case when p.prokind <> 'a' then pg_get_functiondef(p.oid) end`,
  })} from pg_proc p where p.pronamespace = $1::regnamespace`,
  trigger: `select jsonb_build_array(t.tgrelid::regclass, t.tgname, t.tgenabled, t.tgparentid <> 0, t.tgdeferrable, t.tginitdeferred,
      t.tgtype, encode(t.tgargs, 'escape'), pg_get_triggerdef(t.oid))
    from pg_trigger t where ${ofRelation('t.tgrelid')} and not t.tgisinternal`,
  held: `select jsonb_build_array(t.tgrelid::regclass, t.tgenabled, t.tgfoid::regproc,
      case when ${chosen('k')} then '(chosen)' else k.conname end)
    from pg_trigger t join pg_constraint k on k.oid = t.tgconstraint where ${ofRelation('t.tgrelid')} and t.tgisinternal`,
  rule: `select jsonb_build_array(ev_class::regclass, rulename, ev_enabled, is_instead, ev_type, pg_get_ruledef(oid))
    from pg_rewrite where ${ofRelation('ev_class')}`,
  policy: `select ${row('p', ['oid', 'polqual', 'polwithcheck'], {
    polrelid: 'p.polrelid::regclass',
    polroles: `(select jsonb_agg(r::regrole::text order by r::regrole::text) from unnest(p.polroles) r)`,
    using: 'pg_get_expr(p.polqual, p.polrelid)',
    check: 'pg_get_expr(p.polwithcheck, p.polrelid)',
  })} from pg_policy p where ${ofRelation('p.polrelid')}`,
  statistics: `select jsonb_build_array(stxname, stxrelid::regclass, stxkind, stxstattarget, pg_get_userbyid(stxowner), pg_get_statisticsobjdef(oid))
    from pg_statistic_ext where stxnamespace = $1::regnamespace`,
  'default grants': `select jsonb_build_array(pg_get_userbyid(defaclrole), defaclobjtype, ${acl('defaclacl')})
    from pg_default_acl where defaclnamespace = $1::regnamespace`,
  comment: `select jsonb_build_array(i.type, i.identity, d.description) from pg_description d
    cross join lateral pg_identify_object(d.classoid, d.objoid, d.objsubid) i
    where i.schema = quote_ident($1) or i.identity like '% on ' || quote_ident($1) || '.%' or i.identity like quote_ident($1) || '.%'`,
  // Sequences belong to columns, and partitions of indexes to indexes, by this alone.
  dependency: `select distinct jsonb_build_array(f.type, f.identity, t.type, t.identity, d.deptype)
    from pg_depend d cross join lateral pg_identify_object(d.classid, d.objid, d.objsubid) f
    cross join lateral pg_identify_object(d.refclassid, d.refobjid, d.refobjsubid) t
    where (f.schema = quote_ident($1) or f.identity like '% on ' || quote_ident($1) || '.%')
      and f.type not in ('trigger', 'toast table', 'index', 'default value') and f.schema is distinct from 'pg_toast'
      and not exists (select from pg_constraint k where d.classid = 'pg_constraint'::regclass and k.oid = d.objid and ${chosen('k')})`,
}
