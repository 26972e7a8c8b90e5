import { checkWholeNumbers, TenancyError } from '@tenantry/core'
import { connectionProblems, parseConnection } from './clients/connection-rules.ts'
import type { MongoDatabaseOptions } from './options.ts'

const modes = ['client', 'clients', 'users', 'uri'] as const

/** Settings of a client that say where it leads or as whom: the mode's own. */
const own = ['auth', 'authSource', 'authMechanism', 'authMechanismProperties']

/**
 * Checks what can be known without a connection.
 *
 * @returns the one mode that is configured.
 * @throws {TenancyError} `CONFIG_INVALID` with everything that is wrong, and no value of it; `ARGUMENT_INVALID` for numbers.
 */
export function checkMongoOptions(options: MongoDatabaseOptions): (typeof modes)[number] {
  const { client, clients, users, limits = {}, requireAuth = false, requireTls = false } = options
  const { max = 1, wait = 1 } = limits
  checkWholeNumbers({ 'limits.max': max, 'limits.wait': wait, recheck: options.recheck ?? 1 })
  const rules = { requireAuth, requireTls }
  const problems: string[] = []
  const chosen = modes.filter(mode => options[mode] !== undefined)
  const [mode] = chosen
  if (mode === undefined || chosen.length > 1)
    problems.push(`exactly one of ${modes.join(', ')} must be given, and ${chosen.length} are`)
  const standing = { ...(client && { client }), ...clients, ...(users?.admin && { 'users.admin': users.admin }) }
  for (const [name, each] of Object.entries(standing))
    for (const problem of connectionProblems(each, rules)) problems.push(`${name}: ${problem}`)
  if (clients !== undefined && Object.keys(clients).length === 0) problems.push('clients: there must be at least one')
  for (const name of own)
    if (limits.options && name in limits.options) problems.push(`limits.options.${name}: is set by the mode itself`)
  if (users !== undefined) {
    for (const name of ['uri', 'passwords', 'admin'] as const)
      if (!users[name]) problems.push(`users.${name}: is required`)
    if (users.uri) problems.push(...uriProblems(options, users.uri))
  }
  if (problems.length > 0) throw new TenancyError('CONFIG_INVALID', { source: 'mongoDatabase', problems })
  return mode as (typeof modes)[number]
}

function uriProblems({ limits = {}, requireTls = false }: MongoDatabaseOptions, uri: string): readonly string[] {
  const parsed = parseConnection('users.uri', uri, limits.options ?? {})
  const problems = connectionProblems(parsed, { requireTls, requireAuth: false })
  if (parsed.options.credentials !== undefined) return [...problems, 'users.uri: has a user; each tenant gets its own']
  return problems.map(problem => `users.uri: ${problem}`)
}
