/** Says an answer in a few words. */
export function describeAnswer(body: unknown): string {
  if (typeof body === 'string') return pageOf(body)
  if (body === null || typeof body !== 'object') return String(body)
  const { code, items, tenant, user, role, token, secret, endpoint, agent, group, name, primaryColor, title } =
    body as Record<string, unknown>
  if (code !== undefined) return String(code)
  if (Array.isArray(items)) return listOf(items)
  if (user !== undefined) return `${(tenant as { name: string }).name} · ${user} · ${role}`
  if (endpoint !== undefined && secret !== undefined) return 'a pool, and its secret'
  if (token !== undefined) return 'a token'
  if (agent !== undefined) return `an agent in ${group ?? 'no group'}`
  return String(name ?? primaryColor ?? title ?? 'done')
}

function listOf(
  items: readonly { readonly name?: unknown; readonly action?: unknown; readonly what?: unknown }[],
): string {
  if (items.length > 3) return `${items.length} of them`
  return items.map(({ name, action, what }) => String(name ?? `${action} ${what}`)).join(', ') || 'none'
}

function pageOf(page: string): string {
  const title = /<title>([^<]*)<\/title>/.exec(page)?.[1]
  return title === undefined ? page : `${title}, in ${/--brand-color:(#\w{6})/.exec(page)?.[1]}`
}
