import type { Finding } from '@tenantry/core'
import type { MongoClient } from 'mongodb'

/** What {@link findings} looks at. */
export interface VerifyOptions {
  /** Clients that are there before any tenant is. */
  readonly clients: readonly MongoClient[]
  /** Whether tenants have users of their own. */
  readonly users: boolean
  /** Whether there is to be a session for transactions. */
  readonly transactions: boolean
}

interface Role {
  readonly role: string
  readonly db: string
}

const unknownCommand = 59
const broad = new Set([
  'root',
  'readWriteAnyDatabase',
  'dbAdminAnyDatabase',
  'userAdminAnyDatabase',
  'clusterAdmin',
  '__system',
])

/** An answer, or `undefined` of a server that does not know the command: then nothing can be said of it. */
async function ask(
  client: MongoClient,
  command: Readonly<Record<string, unknown>>,
): Promise<Record<string, unknown> | undefined> {
  try {
    return await client.db('admin').command(command)
  } catch (error) {
    if ((error as { code?: unknown }).code === unknownCommand) return undefined
    throw error
  }
}

/**
 * What `ready()` needs to know of a server: whether it can do transactions.
 *
 * @see https://www.mongodb.com/docs/manual/reference/command/hello/
 */
export async function sessionFindings(client: MongoClient): Promise<readonly Finding[]> {
  const hello = await ask(client, { hello: 1 })
  const isReplicated = hello?.setName !== undefined || hello?.msg === 'isdbgrid'
  if (isReplicated && hello?.logicalSessionTimeoutMinutes != null) return []
  return [
    {
      id: 'M6',
      severity: 'error',
      object: 'the server',
      problem: 'has no transactions: it is neither a member of a replica set nor a router of a sharded cluster.',
      fix: 'Use a replica set, or say transactions: false.',
    },
  ]
}

/** What one credential for all tenants may do. */
async function sharedFindings(client: MongoClient): Promise<readonly Finding[]> {
  const status = await ask(client, { connectionStatus: 1 })
  const { authenticatedUserRoles = [] } = (status?.authInfo ?? {}) as { authenticatedUserRoles?: readonly Role[] }
  const powers = authenticatedUserRoles.filter(({ role }) => broad.has(role)).map(({ role }) => role)
  const findings: Finding[] = [
    {
      id: 'M1',
      severity: 'warning',
      object: 'the shared client',
      problem: 'may read and write the databases of all tenants: they are kept apart in this process only.',
      fix: 'Give each tenant a user of its own with mongoDatabase({ users }).',
    },
  ]
  if (powers.length > 0)
    findings.push({
      id: 'M4',
      severity: 'warning',
      object: 'the shared client',
      problem: `has the roles ${powers.join(', ')}, more than tenants’ operations need.`,
      fix: 'Grant it readWrite on the tenants’ databases, and provision with another client.',
    })
  return findings
}

/** Whether each tenant's user has its one role and no other. */
async function userFindings(admin: MongoClient): Promise<readonly Finding[]> {
  const answer = await ask(admin, {
    usersInfo: { forAllDBs: true },
    filter: { 'customData.tenantry': { $exists: true } },
  })
  const users = (answer?.users ?? []) as readonly { user: string; db: string; roles: readonly Role[] }[]
  return users
    .filter(({ db, roles }) => !(roles.length === 1 && roles[0]?.role === 'readWrite' && roles[0].db === db))
    .map(({ user, db, roles }) => ({
      id: 'M1',
      severity: 'error',
      object: `the user ${user} of ${db}`,
      problem: `has the roles ${roles.map(role => `${role.role}@${role.db}`).join(', ')}, and not readWrite on its own database alone.`,
      fix: `db.getSiblingDB('${db}').updateUser('${user}', { roles: [{ role: 'readWrite', db: '${db}' }] })`,
    }))
}

/** Unsafe configuration of the clients that are there before any tenant is. */
export async function findings({ clients, users, transactions }: VerifyOptions): Promise<readonly Finding[]> {
  const found: Finding[] = []
  for (const client of clients) {
    if (transactions) found.push(...(await sessionFindings(client)))
    found.push(...(users ? await userFindings(client) : await sharedFindings(client)))
  }
  return found
}
