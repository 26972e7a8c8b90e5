import { withClient } from '@tenantry/servers'

/** Drops the roles of a database that is gone: they belong to the server. */
export async function dropRoles(adminUrl: string, prefix: string): Promise<void> {
  const url = new URL(adminUrl)
  url.pathname = '/postgres'
  await withClient(url.href, async admin => {
    const { rows } = await admin.query<{ text: string }>(
      `select format('drop role %I', rolname) as text from pg_roles where starts_with(rolname, $1)`,
      [prefix],
    )
    await admin.query(rows.map(({ text }) => text).join(';\n'))
  })
}
