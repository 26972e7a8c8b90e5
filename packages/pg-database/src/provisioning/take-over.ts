import { type Query, quoteIdentifier } from '@tenantry/pg'

/**
 * Makes what was copied from a template the tenant's own. As the provisioner, in the copy. What `pg_database_owner` owns is so already,
 * since the tenant's role owns the database; what another role owns is handed over, object by object.
 *
 * @throws {Error} for objects whose owner the provisioner cannot act for.
 */
export async function takeOver(query: Query, owner: string): Promise<void> {
  for (const { role, databases, object } of await othersOf(query, owner)) {
    if (object !== null)
      throw new Error(`${object} in the template belongs to the superuser ${role}; make it as another role`)
    // REASSIGN OWNED takes the role's databases with it, the template for one.
    if (databases)
      throw new Error(
        `objects of the template belong to the role ${role}, which owns databases; give them to another one`,
      )
    await query(`reassign owned by ${quoteIdentifier(role)} to ${quoteIdentifier(owner)}`)
  }
  // What the tenant makes later, views and functions of the template can be made to use.
  const kinds = ['tables', 'sequences', 'functions', 'types', 'schemas']
  const grants = kinds.map(
    kind => `alter default privileges for role ${quoteIdentifier(owner)} grant all on ${kind} to pg_database_owner`,
  )
  await query(grants.join(';\n'))
}

/** Roles that own what was copied, and an object of the superuser that initdb has made, of whose objects no list is kept. */
async function othersOf(query: Query, owner: string) {
  const { rows } = await query<{ role: string; databases: boolean; object: string | null }>(
    `select r.rolname as role, exists (select from pg_database where datdba = r.oid) or exists (select from pg_tablespace where spcowner = r.oid) as databases,
            null as object
       from pg_roles r
      where r.rolname <> $1 and r.oid in (select refobjid from pg_shdepend where refclassid = 'pg_authid'::regclass and deptype = 'o'
                                             and dbid = (select oid from pg_database where datname = current_database()))
     union all
     (select pg_get_userbyid(10), false, c.oid::regclass::text from pg_class c
       where c.oid >= 16384 and c.relowner = 10 and c.relkind in ('r', 'p', 'v', 'm', 'S', 'f')
         and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e') limit 1)`,
    [owner],
  )
  return rows
}
