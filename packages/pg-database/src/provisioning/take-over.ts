import { type Query, quoteIdentifier } from '@tenantry/pg'

/**
 * Makes what was copied from a template the tenant's own. As the provisioner, in the copy.
 *
 * @throws {Error} for objects whose owner the provisioner cannot act for.
 */
export async function takeOver(query: Query, owner: string): Promise<void> {
  const { rows: owners } = await query<{ name: string; databases: boolean }>(
    `select distinct r.rolname as name,
            exists (select from pg_database d where d.datdba = r.oid) or exists (select from pg_tablespace t where t.spcowner = r.oid) as databases
       from pg_shdepend d join pg_roles r on r.oid = d.refobjid
      where d.refclassid = 'pg_authid'::regclass and d.deptype = 'o' and r.rolname <> $1
        and d.dbid = (select oid from pg_database where datname = current_database())`,
    [owner],
  )
  for (const { name, databases } of owners) {
    // REASSIGN OWNED takes the role's databases with it, the template for one.
    if (databases)
      throw new Error(
        `objects of the template belong to the role ${name}, which owns databases; give them to another one`,
      )
    await query(`reassign owned by ${quoteIdentifier(name)} to ${quoteIdentifier(owner)}`)
  }
  const { rows: left } = await query<{ name: string; role: string }>(
    `select c.oid::regclass::text as name, pg_get_userbyid(c.relowner) as role from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where c.relkind in ('r', 'p', 'v', 'm', 'S', 'f') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
        and pg_get_userbyid(c.relowner) <> $1
        and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
      order by 1 limit 5`,
    [owner],
  )
  if (left.length === 0) return
  const names = left.map(({ name, role }) => `${name} (of ${role})`).join(', ')
  throw new Error(`objects of the template belong to a superuser: ${names}; make them as another role`)
}
