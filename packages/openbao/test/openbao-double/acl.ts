/** What a policy allows: OpenBAO, "Policies". A path ends in `*` or is meant exactly; the longest that fits decides. */
export interface Rule {
  readonly path: string
  readonly capabilities: readonly string[]
}

/** Part of the policy `default`, which every token has. */
const defaultRules: readonly Rule[] = [
  { path: 'auth/token/lookup-self', capabilities: ['read'] },
  { path: 'auth/token/renew-self', capabilities: ['update'] },
  { path: 'auth/token/revoke-self', capabilities: ['update'] },
  { path: 'sys/leases/renew', capabilities: ['update'] },
]

export function parsePolicy(text: string): readonly Rule[] {
  return [...text.matchAll(/path\s+"([^"]+)"\s*\{\s*capabilities\s*=\s*\[([^\]]*)\]\s*\}/g)].map(
    ([, path = '', capabilities = '']) => ({
      path,
      capabilities: [...capabilities.matchAll(/"(\w+)"/g)].map(([, name = '']) => name),
    }),
  )
}

/** Whether every one of these capabilities is there. */
export function allows(rules: readonly Rule[], path: string, needed: readonly string[]): boolean {
  const fitting = [...defaultRules, ...rules].filter(rule =>
    rule.path.endsWith('*') ? path.startsWith(rule.path.slice(0, -1)) : path === rule.path,
  )
  const longest = Math.max(0, ...fitting.map(rule => rule.path.length))
  const capabilities = fitting.filter(rule => rule.path.length === longest).flatMap(rule => rule.capabilities)
  return needed.every(name => capabilities.includes(name))
}
