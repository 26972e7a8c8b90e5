import { randomBytes } from 'node:crypto'

export interface TokenEntry {
  readonly id: string
  /** Where it was made: tokens are leases below it. */
  readonly path: string
  readonly namespace: string
  readonly policies: readonly string[]
  /** Milliseconds; 0 for the root token, which has no end. */
  readonly ttl: number
  readonly maximumEnd: number
  readonly renewable: boolean
  endsAt: number
}

export interface TokenStore {
  create(
    token: Pick<TokenEntry, 'path' | 'namespace' | 'policies' | 'ttl' | 'renewable'> & { maxTtl: number },
  ): TokenEntry
  find(id: string | undefined): TokenEntry | undefined
  /** Seconds that it lasts now. */
  renew(token: TokenEntry): number
  revoke(token: TokenEntry): void
  under(path: string, namespace: string): readonly TokenEntry[]
  stopTimers(): void
}

/** Tokens that end; what was issued to them ends with them (OpenBAO, "Lease, renew, and revoke"). */
export function tokenStore(onEnd: (token: TokenEntry) => void): TokenStore {
  const entries = new Map<string, TokenEntry>()
  const timers = new Map<string, NodeJS.Timeout>()

  function revoke(token: TokenEntry): void {
    clearTimeout(timers.get(token.id))
    if (entries.delete(token.id)) onEnd(token)
  }
  function endLater(token: TokenEntry): void {
    clearTimeout(timers.get(token.id))
    if (token.ttl > 0) timers.set(token.id, setTimeout(() => revoke(token), token.endsAt - Date.now()).unref())
  }

  return {
    create({ maxTtl, ...rest }) {
      const now = Date.now()
      const maximumEnd = maxTtl > 0 ? now + maxTtl : Number.POSITIVE_INFINITY
      const id = `s.${randomBytes(18).toString('base64url')}`
      const token = { ...rest, id, maximumEnd, endsAt: Math.min(now + rest.ttl, maximumEnd) }
      entries.set(id, token)
      endLater(token)
      return token
    },
    find: id => (id === undefined ? undefined : entries.get(id)),
    renew(token) {
      token.endsAt = Math.min(Date.now() + token.ttl, token.maximumEnd)
      endLater(token)
      return Math.round((token.endsAt - Date.now()) / 1000)
    },
    revoke,
    under: (path, namespace) =>
      [...entries.values()].filter(token => token.path === path && token.namespace === namespace),
    stopTimers: () => {
      for (const timer of timers.values()) clearTimeout(timer)
    },
  }
}
