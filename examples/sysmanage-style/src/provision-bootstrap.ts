import pg from 'pg'

/** A login that is to be made. */
export interface NewRole {
  readonly user: string
  readonly password: string
}

/**
 * What a superuser runs once on each server for tenants, so that the service never needs one: a role that makes databases and one
 * that makes logins. And nobody is let into the server's own databases but these two.
 */
export async function provisionBootstrap(
  adminUrl: string,
  { provisioner, broker }: { readonly provisioner: NewRole; readonly broker: NewRole },
): Promise<void> {
  const client = new pg.Client({ connectionString: adminUrl })
  await client.connect()
  try {
    const [makes, lends] = [provisioner, broker].map(({ user }) => pg.escapeIdentifier(user))
    await client.query(`
      create role ${makes} login createdb createrole nosuperuser password ${pg.escapeLiteral(provisioner.password)};
      create role ${lends} login createrole nosuperuser password ${pg.escapeLiteral(broker.password)};
      revoke connect, temporary on database postgres, template1 from public;
      grant connect on database postgres to ${makes}, ${lends}`)
  } finally {
    await client.end()
  }
}
