/** Where a server comes from. `url` is one that runs already: nothing is started or stopped there. */
export type PostgresSource =
  | { readonly kind: 'url'; readonly url: string }
  | { readonly kind: 'debian'; readonly major: number }
  | { readonly kind: 'embedded' }
  | { readonly kind: 'container' }

/**
 * What the environment asks for: `TENANTRY_PG_URL`, else `TENANTRY_PG` (a Debian major version), else nothing in particular.
 *
 * @throws Error when a variable is malformed. The message never holds the URL: it has a password in it.
 */
export const sourceFromEnv = (env: NodeJS.ProcessEnv): PostgresSource | undefined => {
  const { TENANTRY_PG_URL: url, TENANTRY_PG: major } = env
  if (url) {
    if (/^postgres(ql)?:\/\/./.test(url) && URL.canParse(url)) return { kind: 'url', url }
    throw new Error('TENANTRY_PG_URL must be a URL of the form postgresql://superuser:password@host:port/database.')
  }
  if (!major) return undefined
  if (/^\d{2}$/.test(major)) return { kind: 'debian', major: Number(major) }
  throw new Error(`TENANTRY_PG must be a major version such as 15, not "${major}".`)
}
