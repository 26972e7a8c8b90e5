/** An answer in a few words. */
export function describeAnswer(body: unknown): string {
  if (Array.isArray(body)) return body.map(describeAnswer).join(', ') || 'nothing'
  if (typeof body !== 'object' || body === null) return String(body) || 'nothing'
  const { code, detail, key, tenant_id, mongo_database, inferences, cached, output, prompt, status, tenants, title } =
    body as Record<string, unknown>
  if (code === 'INPUT_INVALID') return `${code}: ${detail}`
  if (code !== undefined) return String(code)
  if (typeof key === 'string') return `a key, once: ${key.slice(0, key.indexOf('_sk_'))}_sk_…`
  if (mongo_database !== undefined) return `${tenant_id}: ${inferences} inferences`
  if (cached !== undefined) return `${output} (${cached ? 'cached' : 'inferred'})`
  if (prompt !== undefined) return String(prompt)
  if (tenants !== undefined) return describeHealth(String(status), tenants as Tenants)
  return String(title ?? status)
}

interface Part {
  readonly ok: boolean
  readonly reason?: string
}
type Tenants = Readonly<Record<string, { readonly mongo: Part; readonly redis: Part }>>

function describeHealth(status: string, tenants: Tenants): string {
  const failures = Object.entries(tenants).flatMap(([id, parts]) =>
    (['mongo', 'redis'] as const).filter(name => !parts[name].ok).map(name => `${name} of ${id}`),
  )
  return failures.length === 0
    ? `${status}: all of ${Object.keys(tenants).length}`
    : `${status}: ${failures.join(', ')}`
}
