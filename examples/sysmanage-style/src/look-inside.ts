import pg from 'pg'

/** What stands in one database, as its superuser sees it. */
export interface Counted {
  readonly server: string
  readonly database: string
  readonly hosts: readonly string[]
  readonly heartbeats: number
}

/** Counts what agents have sent, in every database of every server. */
export async function lookInside(admins: Readonly<Record<string, string>>): Promise<readonly Counted[]> {
  const found: Counted[] = []
  for (const [server, adminUrl] of Object.entries(admins)) {
    for (const { name } of await ask<{ name: string }>(
      adminUrl,
      'select datname as name from pg_database where datallowconn and not datistemplate order by 1',
    )) {
      const url = new URL(adminUrl)
      url.pathname = `/${name}`
      const [there] = await ask<{ ok: boolean }>(url.href, `select to_regclass('hosts') is not null as ok`)
      if (there?.ok !== true) continue
      const [row] = await ask<Pick<Counted, 'hosts' | 'heartbeats'>>(
        url.href,
        `select array(select hostname from hosts order by 1) as hosts, (select count(*) from heartbeats)::int as heartbeats`,
      )
      if (row !== undefined) found.push({ server, database: name, ...row })
    }
  }
  return found
}

/** Logins of the owner of a tenant's database that would still be let in. */
export async function liveLogins(adminUrl: string, owner: string): Promise<number> {
  const rows = await ask(
    adminUrl,
    `select from pg_auth_members m join pg_roles r on r.oid = m.member join pg_roles o on o.oid = m.roleid
      where o.rolname = $1 and r.rolcanlogin and r.rolvaliduntil > now()`,
    [owner],
  )
  return rows.length
}

/** As a superuser, on a connection of its own. */
export async function ask<R extends pg.QueryResultRow>(
  url: string,
  text: string,
  values: readonly unknown[] = [],
): Promise<readonly R[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query<R>(text, [...values])).rows
  } finally {
    await client.end()
  }
}
