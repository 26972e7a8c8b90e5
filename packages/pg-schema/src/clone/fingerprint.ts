import type { Query } from '@tenantry/pg'
import { among, membersSql, oidOf } from './catalog/sql.ts'

/**
 * A row as the object that it is of, where it stands, and which transaction wrote it: every change of it writes another. VACUUM and
 * ANALYZE change rows in place, which is not seen here, and is nothing that a clone has.
 */
function rowsOf(catalog: string, object: string, which: string, more = 'null'): string {
  return `select x.${object}, pg_catalog.concat_ws(' ', '${catalog}', x.ctid, x.xmin, ${more})
    from pg_catalog.${catalog} x where ${which}`
}

const relations = among('relation')
const types = among('member', `classid = ${oidOf('pg_type')}`)
const members = (catalog: string) => `x.oid = ${among('member', `classid = ${oidOf(catalog)}`)}`

/** Rows that belong to a relation: their catalogue, what they are of, and the column that names the relation. */
const ofRelations = [
  ['pg_index', 'indexrelid', 'indrelid'],
  ['pg_sequence', 'seqrelid', 'seqrelid'],
  ['pg_inherits', 'inhrelid', 'inhrelid'],
  ['pg_attrdef', 'oid', 'adrelid'],
  ['pg_constraint', 'oid', 'conrelid'],
  ['pg_trigger', 'oid', 'tgrelid'],
  ['pg_rewrite', 'oid', 'ev_class'],
].map(([catalog = '', object = '', column]) => rowsOf(catalog, object, `x.${column} = ${relations}`))

const roles = 'array(select pg_catalog.pg_get_userbyid(r) from pg_catalog.unnest(x.polroles) r)'

// A privilege names a role, which can be renamed without a trace in the row.
const sql = `${membersSql}, stored as materialized (
  select oid, kind <> 'S' as columns from relation
  union all select i.indexrelid, true from pg_catalog.pg_index i where i.indrelid = ${relations}
  union all select toast, false from relation where toast <> 0::oid
), line (oid, text) as materialized (
  ${[
    rowsOf('pg_class', 'oid', `x.oid = ${among('stored')}`, 'x.relacl'),
    rowsOf('pg_attribute', 'attrelid', `x.attrelid = ${among('stored', 'columns')} and x.attnum > 0`, 'x.attacl'),
    ...ofRelations,
    rowsOf('pg_policy', 'oid', `x.polrelid = ${relations}`, roles),
    rowsOf('pg_type', 'oid', members('pg_type'), 'x.typacl'),
    rowsOf('pg_enum', 'enumtypid', `x.enumtypid = ${types}`),
    rowsOf('pg_constraint', 'oid', `x.contypid = ${types}`),
    rowsOf('pg_proc', 'oid', members('pg_proc'), 'x.proacl'),
    rowsOf('pg_statistic_ext', 'oid', members('pg_statistic_ext')),
    rowsOf('pg_default_acl', 'oid', members('pg_default_acl'), 'x.defaclacl'),
    // Of no schema, and so at first of all that the current role makes.
    rowsOf('pg_default_acl', 'oid', 'x.defaclnamespace = 0::oid', 'x.defaclacl'),
    rowsOf('pg_extension', 'oid', 'true'),
    `select m.oid, pg_catalog.concat_ws(' ', m.classid, m.oid) from member m`,
    `select n.oid, pg_catalog.concat_ws(' ', n.oid, n.nspowner, n.nspacl, current_user) from schema n`,
  ].join('\n  union all ')}
), comment (text) as (
  select pg_catalog.concat_ws(' ', 'pg_description', x.ctid, x.xmin) from pg_catalog.pg_description x
   where x.objoid = ${among('line')}
)
select (select pg_catalog.concat_ws(' ', pg_catalog.count(*), pg_catalog.sum(pg_catalog.hashtextextended(l.text, 0)))
          from (select text from line union all select text from comment) l) as fingerprint
  from schema`

/**
 * A text that is another one as soon as anything in the schema was changed that a clone has: what was made, altered, dropped, granted
 * or commented, but no rows. `undefined` when there is no such schema.
 */
export async function templateFingerprint(query: Query, schema: string): Promise<string | undefined> {
  const { rows } = await query<{ fingerprint: string }>(sql, [schema])
  return rows[0]?.fingerprint
}
