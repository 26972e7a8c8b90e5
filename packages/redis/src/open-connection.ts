import { isTenancyError, TenancyError, type Tenant, type TenantSource } from '@tenantry/core'
import type { Redis } from 'ioredis'
import { namesOf } from './commands/names.ts'
import { refusal } from './commands/refusal.ts'
import { scopeCommand, type Terms } from './commands/scope-command.ts'
import { isCluster } from './connections/check-client.ts'
import { fencedRedis } from './connections/fenced-redis.ts'
import type { Routes } from './connections/routes.ts'
import type { Keyspace } from './keyspace.ts'
import { scriptChecks } from './scripts/script-checks.ts'
import type { ConnectionOptions } from './tenant-redis.ts'
import { giveUp } from './users.ts'

/** Opens a connection of a tenant's own. */
export type OpenConnection = (tenant: Tenant, source: TenantSource, options: ConnectionOptions) => Promise<Redis>

// ioredis sends them by itself whenever it has connected, in whosever unit of work that is. They reach no data.
const connecting = new Set(['hello', 'auth', 'select', 'client', 'info'])

const settable: ReadonlySet<string> = new Set<keyof ConnectionOptions>([
  ...(['maxRetriesPerRequest', 'connectionName', 'enableOfflineQueue', 'commandTimeout', 'retryStrategy'] as const),
])

/** Connections of tenants' own, all of which end with the isolation. */
export interface OwnConnections {
  readonly open: OpenConnection
  /** Ends those of one tenant, or of all. */
  end(tenant?: Pick<Tenant, 'id'>): void
}

/** @param endsRefused - whether a connection ends for good when its login is no longer taken. */
export function ownConnections(
  routes: Routes,
  spaceOf: (tenant: Tenant) => Keyspace,
  terms: Omit<Terms, 'own' | 'onForeign'>,
  endsRefused: boolean,
): OwnConnections {
  const all = new Map<Redis, string>()
  let isOver = false
  const opening = new Set<{ readonly tenant: string; isEnded: boolean }>()

  return {
    async open(tenant, source, { keys = 'logical', scripts, ...options }) {
      // Where it leads, and as whom, is not the caller's to say.
      const more = Object.fromEntries(Object.entries(options).filter(([field]) => settable.has(field)))
      const names = namesOf(spaceOf(tenant), keys)
      const coming = { tenant: tenant.id, isEnded: false }
      opening.add(coming)
      const given = await routes
        .use(tenant, async client => {
          if (!isCluster(client)) return { ...client.options }
          const advice = 'Use the handle, which takes a connection by itself for commands that block.'
          throw refusal('connection', 'a cluster has no one connection', advice)
        })
        .finally(() => opening.delete(coming))
      if (coming.isEnded) throw new TenancyError('SCOPE_CLOSED', { what: 'The connection' })
      const own = { db: given.db ?? 0, username: given.username ?? undefined, password: given.password ?? undefined }
      const scripting = scripts === undefined ? undefined : scriptChecks(scripts)
      const { checkScript, isChecked } = scripting ?? terms
      // Never forgotten, since ioredis knows them by their digests only.
      const defined = new Set<string>()
      return fencedRedis(
        { ...given, ...more, lazyConnect: false },
        {
          scope(command, giveUp) {
            if (isOver) throw new TenancyError('SCOPE_CLOSED', { what: 'The isolation' })
            if (!connecting.has(command.name.toLowerCase())) checkTenant(tenant, source)
            scopeCommand(command, names, {
              ...terms,
              checkScript,
              isChecked: sha => defined.has(sha) || isChecked(sha),
              own,
              onForeign: giveUp,
            })
          },
          enter: () => checkTenant(tenant, source),
          checkScript: lua => defined.add(checkScript(lua)),
          unwrap: name => names.unwrap(name, 'subscribe'),
        },
        made => {
          all.set(made, tenant.id)
          if (isOver) made.disconnect()
          if (endsRefused) made.on('error', error => giveUp(made, error))
          made.on('end', () => all.delete(made))
        },
      )
    },
    end(tenant) {
      // One that is connected again, or duplicated, after the end serves nobody.
      if (tenant === undefined) isOver = true
      for (const each of opening) if (tenant === undefined || tenant.id === each.tenant) each.isEnded = true
      for (const [connection, id] of all) if (tenant === undefined || tenant.id === id) connection.disconnect()
    },
  }
}

/** Work in the background has no tenant, and may go on; a unit of work of another tenant may not. */
function checkTenant(tenant: Tenant, source: TenantSource): void {
  let current: Tenant
  try {
    current = source()
  } catch (error) {
    if (isTenancyError(error) && error.code === 'TENANT_CONTEXT_MISSING') return
    throw error
  }
  if (current.id !== tenant.id) throw new TenancyError('SCOPE_MISMATCH', { lease: tenant.id, current: current.id })
}
