import { createHash } from 'node:crypto'
import type { LoginTarget } from '@tenantry/core'

/** The names of a tenant's entries in the engine. */
export interface EntryNames {
  /** Below `roles/` and `creds/`. */
  role(target: Pick<LoginTarget, 'tenant' | 'server'>): string
  /** Below `config/`, for a connection that the source makes. */
  connection(server: string): string
  /** What a server's connection lends itself to (`allowed_roles`). */
  allowedRoles(server: string): string
}

/**
 * `prefix.server.tenant`: one name for each tenant and server, never one for two. A part with anything but a–z, 0–9 and inner
 * `-` and `_` becomes `x.` and a hash, as the engine takes no others, and some storages do not tell A from a.
 */
export function entryNames(prefix: string): EntryNames {
  return {
    role: ({ server, tenant }) => `${prefix}.${part(server)}.${part(tenant)}`,
    connection: server => `${prefix}.${part(server)}`,
    allowedRoles: server => `${prefix}.${part(server)}.*`,
  }
}

function part(name: string): string {
  if (/^[a-z0-9](?:[a-z0-9_-]{0,62}[a-z0-9])?$/.test(name)) return name
  return `x.${createHash('sha256').update(name).digest('hex').slice(0, 32)}`
}
