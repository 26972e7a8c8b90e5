import { Client } from 'pg'

/** Runs work on one connection of its own. */
export const withClient = async <T>(url: string, work: (client: Client) => Promise<T>): Promise<T> => {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 10_000 })
  // Without a listener a connection that breaks between two statements ends the process; the next statement reports it.
  client.on('error', () => undefined)
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}

/** Runs statements one after another on one connection, each in a transaction of its own. */
export const execute = (url: string, statements: readonly string[]): Promise<void> =>
  withClient(url, async client => {
    for (const statement of statements) await client.query(statement)
  })

/** The same server, another database and, if given, another role. */
export const urlFor = (base: string, database: string, role?: { readonly name: string; readonly password: string }) => {
  const url = new URL(base)
  url.pathname = `/${encodeURIComponent(database)}`
  if (role) {
    url.username = encodeURIComponent(role.name)
    url.password = encodeURIComponent(role.password)
  }
  return url.href
}
