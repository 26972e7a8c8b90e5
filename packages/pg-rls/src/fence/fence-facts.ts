import type pg from 'pg'

/** What the catalogue says of the fence. */
export interface FenceFacts {
  /** Null where it is not installed. */
  readonly admits: {
    readonly signature: string
    readonly source: string
    readonly language: string
    readonly definer: boolean
    readonly volatility: string
    readonly settings: readonly string[]
    /** Whether the role may call it. */
    readonly callable: boolean
    readonly owner: string
    /** Whether the role is its owner, or can become it. */
    readonly owned: boolean
  } | null
  /** Tables and sequences of the fence that the role may read or change. */
  readonly open: readonly string[]
}

// $1: the schema of the fence.
const text = `
select (select json_build_object('signature', f.oid::regprocedure::text, 'source', f.prosrc, 'language', l.lanname, 'definer', f.prosecdef, 'volatility', f.provolatile,
     'settings', coalesce(f.proconfig, '{}'), 'owner', pg_get_userbyid(f.proowner), 'owned', pg_has_role(f.proowner, 'MEMBER'),
     'callable', has_function_privilege(f.oid, 'EXECUTE') and has_schema_privilege(n.oid, 'USAGE'))
     from pg_proc f join pg_language l on l.oid = f.prolang
    where f.pronamespace = n.oid and f.proname = 'admits' and oidvectortypes(f.proargtypes) = 'text') as admits,
  array(select c.relname::text from pg_class c
    where c.relnamespace = n.oid and c.relname in ('fence', 'fence_generation', 'fence_sequence')
      and case c.relkind when 'S' then has_sequence_privilege(c.oid, 'USAGE') or has_sequence_privilege(c.oid, 'SELECT') or has_sequence_privilege(c.oid, 'UPDATE')
          else has_table_privilege(c.oid, 'SELECT') or has_table_privilege(c.oid, 'INSERT') or has_table_privilege(c.oid, 'UPDATE')
            or has_table_privilege(c.oid, 'DELETE') or has_table_privilege(c.oid, 'TRUNCATE') end
    order by 1) as open
from (select 1) one left join pg_namespace n on n.nspname = $1`

/** Reads what the catalogue says of the fence, as the role of the pool. */
export async function readFence(client: pg.ClientBase, schema: string): Promise<FenceFacts> {
  const { rows } = await client.query<FenceFacts>(text, [schema])
  return rows[0] as FenceFacts
}
