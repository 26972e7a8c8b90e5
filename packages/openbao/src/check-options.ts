import { consoleLogger, TenancyError } from '@tenantry/core'
import type { OpenbaoOptions } from './openbao-options.ts'

/** The options with their defaults, checked. */
export type OpenbaoSettings = Required<Omit<OpenbaoOptions, 'namespace' | 'allowInsecure' | 'nodes'>> & {
  readonly namespace: string | undefined
  /** Origins that a token may be sent to. */
  readonly origins: ReadonlySet<string>
}

// What needs no escape in a path of the API.
const pathPattern = /^\w[\w.-]*(?:\/\w[\w.-]*)*$/
const visible = /^[\x21-\x7e]+$/

/**
 * Fills in the defaults.
 *
 * @throws {TenancyError} `CONFIG_INVALID` with every problem, none of which shows a value.
 */
export function checkOptions(options: OpenbaoOptions): OpenbaoSettings {
  const problems: string[] = []
  const must = (good: boolean, problem: string) => {
    if (!good) problems.push(problem)
  }
  const settings = {
    ...{ mount: 'database', prefix: 'tenantry', lifetime: 3_600_000, maxLifetime: 86_400_000, timeout: 10_000 },
    ...{ fetch: (url: string, init: RequestInit) => fetch(url, init), logger: consoleLogger, namespace: undefined },
    ...withoutUndefined(options),
  }
  const addresses = [options.address, ...(options.nodes ?? [])]
  addresses.forEach((address, index) => {
    const field = index === 0 ? 'address' : `nodes[${index - 1}]`
    for (const rule of brokenRules(address, options.allowInsecure === true)) must(false, `${field}: ${rule}`)
  })
  must(pathPattern.test(settings.mount), 'mount: must be a path such as "database"')
  must(/^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/.test(settings.prefix), 'prefix: must be of a–z, 0–9 and inner "-"')
  must(settings.namespace === undefined || pathPattern.test(settings.namespace), 'namespace: must be a path')
  for (const field of ['lifetime', 'maxLifetime'] as const) {
    const value = settings[field]
    must(Number.isInteger(value / 1000) && value > 0, `${field}: must be whole seconds, in milliseconds`)
  }
  must(settings.maxLifetime >= settings.lifetime, 'maxLifetime: must not be less than lifetime')
  must(settings.timeout > 0 && settings.timeout <= 2 ** 31 - 1, 'timeout: must be a positive number of milliseconds')
  checkAuth(options.auth, must)
  for (const [name, server] of Object.entries(options.servers)) checkServer(name, server, must)
  if (problems.length > 0) throw new TenancyError('CONFIG_INVALID', { source: 'openbaoLeases', problems })
  return { ...settings, origins: new Set(addresses.map(address => new URL(address).origin)) }
}

type Must = (good: boolean, problem: string) => void

function checkAuth(auth: OpenbaoOptions['auth'], must: Must): void {
  // A token goes into a header, and the error of a header that cannot be sent shows it.
  if ('token' in auth) {
    must(visible.test(auth.token.reveal()), 'auth.token: must be visible ASCII, not empty')
    return
  }
  must(auth.roleId !== '', 'auth.roleId: must not be empty')
  must(auth.secretId.reveal() !== '', 'auth.secretId: must not be empty')
  must(pathPattern.test(auth.mount ?? 'approle'), 'auth.mount: must be a path such as "approle"')
}

function checkServer(name: string, server: OpenbaoOptions['servers'][string], must: Must): void {
  if ('connection' in server) {
    must(/^\w(?:[\w.-]*\w)?$/.test(server.connection), `servers.${name}.connection: must be the name of a connection`)
    return
  }
  must(/^[\w.:-]+$/.test(server.host), `servers.${name}.host: must be a host name or an address`)
  must(Number.isInteger(server.port) && server.port > 0 && server.port < 65_536, `servers.${name}.port: must be a port`)
  must(server.username !== '', `servers.${name}.username: must not be empty`)
  must(/^[^/?#]+$/.test(server.database ?? 'postgres'), `servers.${name}.database: must be the name of a database`)
}

function brokenRules(address: string, allowInsecure: boolean): string[] {
  if (!URL.canParse(address)) return ['must be a URL']
  const { protocol, username, password, search, hash, pathname } = new URL(address)
  const rules: string[] = []
  if (protocol === 'http:' && !allowInsecure) rules.push('must be https: (or say allowInsecure: true)')
  else if (protocol !== 'https:' && protocol !== 'http:') rules.push('must be https:')
  if (username || password || search || hash || pathname !== '/') rules.push('must be scheme, host and port only')
  return rules
}

function withoutUndefined<T extends object>(options: T): T {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as T
}
