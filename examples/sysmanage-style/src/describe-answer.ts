/** An answer in a few words. */
export function describeAnswer(body: unknown): string {
  if (Array.isArray(body)) return body.map(describeAnswer).join(', ') || 'nothing'
  if (typeof body !== 'object' || body === null) return String(body)
  const {
    code,
    token,
    credential,
    hostname,
    heartbeats,
    load,
    placement,
    status,
    slug,
    erased,
    connections,
    revoked,
    id,
    title,
  } = body as Record<string, unknown>
  if (code !== undefined) return String(code)
  if (typeof token === 'string') return `a token, once: ${token.slice(0, 6)}…`
  if (typeof credential === 'string') return `a credential of its own: ${credential.slice(0, 6)}…`
  if (heartbeats !== undefined) return `${hostname} (${heartbeats})`
  if (load !== undefined) return `load ${load}`
  if (placement !== undefined) return `${slug} ${status} on ${(placement as { server: string }).server}`
  if (erased !== undefined) return describeErasure(erased as readonly Erased[])
  if (connections !== undefined) return describeBudget(connections as Budget)
  if (revoked !== undefined && typeof revoked === 'string') return 'revoked'
  return String(id ?? title)
}

interface Erased {
  readonly kind: string
  readonly name: string
  readonly count: number
}

function describeErasure(erased: readonly Erased[]): string {
  const count = (kind: string) => erased.filter(one => one.kind === kind).reduce((sum, one) => sum + one.count, 0)
  return `erased ${count('table')} rows, ${count('database')} database, ${count('role')} role, ${count('credentials')} credentials`
}

interface Budget {
  readonly max: number
  readonly total: number
  readonly waiting: number
}

function describeBudget({ max, total, waiting }: Budget): string {
  return total <= max && waiting === 0
    ? `within ${max} connections, nobody waits`
    : `${total} of ${max}, ${waiting} wait`
}
