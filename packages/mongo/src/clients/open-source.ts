import { type Logger, type Secret, TenancyError, type Tenant } from '@tenantry/core'
import type { MongoClient } from 'mongodb'
import type { MongoDatabaseOptions, TenantUsers } from '../options.ts'
import { sessionFindings } from '../verify.ts'
import type { ClientSource } from './client-source.ts'
import { requireConnection } from './connection-rules.ts'
import { type Connecting, ownClients } from './own-clients.ts'
import { sharedClients } from './shared-clients.ts'

/** Where the clients come from, in the mode that is configured. */
export function openSource(
  mode: 'client' | 'clients' | 'users' | 'uri',
  options: MongoDatabaseOptions,
  { transactions, logger }: { readonly transactions: boolean; readonly logger: Logger },
): ClientSource {
  const { client, clients, users, uri, limits = {}, requireAuth = false, requireTls = false } = options
  if (mode === 'client' && client) return sharedClients(client, true)
  if (mode === 'clients' && clients) return sharedClients(clients, false)
  const { max = 100, wait = 10_000, options: more = {} } = limits
  // A tenant of its own client needs few connections, and there are as many pools as tenants.
  const settings = { maxPoolSize: 10, appName: 'tenantry', ...more }

  async function connecting(tenant: Tenant, database: string): Promise<Connecting> {
    if (users !== undefined) return asUser(users, tenant, database)
    const given = await uri?.(tenant)
    const text = typeof given === 'object' ? given.reveal() : given
    if (typeof text === 'string' && text !== '') return { uri: text, options: settings }
    throw new TenancyError('PLACEMENT_INVALID', { tenant: tenant.id, problem: 'mongo_uri is required' })
  }

  async function asUser(
    { uri: servers, passwords }: TenantUsers,
    tenant: Tenant,
    database: string,
  ): Promise<Connecting> {
    const password: Secret = await passwords(tenant)
    // Where the user is kept is said outright, and never taken from a URI (M10).
    const login = { auth: { username: database, password: password.reveal() }, authSource: database }
    return { uri: servers, options: { ...settings, ...login } }
  }

  async function look(found: MongoClient): Promise<void> {
    if (!transactions || users !== undefined) return
    const findings = await sessionFindings(found)
    if (findings.length > 0) throw new TenancyError('UNSAFE_CONFIGURATION', { isolation: 'mongo', findings })
  }

  return ownClients({
    connecting,
    inspect: (made, { id }) =>
      requireConnection(`The MongoDB connection of tenant "${id}"`, made, { requireAuth, requireTls }),
    look,
    administrator: users?.admin,
    ignoreUndefined: settings.ignoreUndefined === true,
    ...{ max, wait, logger },
  })
}
