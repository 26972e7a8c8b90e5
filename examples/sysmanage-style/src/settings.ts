import { TenancyError } from '@tenantry/core'

/** A login to a database. `password` is a reference such as `env:REGISTRY_PASSWORD` or `file:/run/secrets/registry`, never one itself. */
export interface DatabaseLogin {
  readonly host: string
  readonly port?: number
  readonly name: string
  readonly user: string
  readonly password: string
}

/** A role on a server, and the database that it starts from. */
export interface ServerRole {
  readonly user: string
  readonly password: string
  /** Default `postgres`. */
  readonly database?: string
}

/** A server for the databases of tenants. */
export interface TenantServer {
  readonly host: string
  readonly port?: number
  readonly region?: string
  readonly jurisdiction?: string
  /** Makes databases: CREATEDB and CREATEROLE. */
  readonly provisioner: ServerRole
  /** Makes logins that end: CREATEROLE. */
  readonly broker: ServerRole
}

/** What an operator configures, all of it. */
export interface Settings {
  /** The database that everything begins with: `registry_…`, and `shared_…` until that has a server. Its user owns it. */
  readonly registry: DatabaseLogin
  /** A reference to the key of the operator's API. */
  readonly operator_key: string
  readonly multitenancy?: {
    /** Default `false`: everything stands in the one database of `registry`. */
    readonly enabled?: boolean
    /** Whether tenants are created over the API. Default `false`. */
    readonly self_service_provisioning?: boolean
  }
  /** Who reads `shared_…`, and where, if it is not the registry's database. Needed once there are tenants. */
  readonly shared?: { readonly user: string; readonly password: string } & Partial<DatabaseLogin>
  readonly servers?: Readonly<Record<string, TenantServer>>
  /** OpenBAO or Vault makes the logins. Default: the servers themselves do. */
  readonly vault?: { readonly url: string; readonly token: string }
}

/**
 * Sees that nothing is missing, before a connection is opened: what was to be for many tenants must never run for one.
 *
 * @throws {TenancyError} `CONFIG_INVALID` with everything that is wrong, never with a value.
 */
export function checkSettings(settings: Settings): void {
  const { registry, multitenancy: { enabled = false, self_service_provisioning: selfService = false } = {} } = settings
  const { shared, servers = {}, vault } = settings
  const problems = [
    ...missing('registry', registry, ['host', 'name', 'user']),
    ...reference('registry.password', registry?.password),
    ...reference('operator_key', settings.operator_key),
    ...(selfService && !enabled
      ? ['multitenancy.self_service_provisioning: needs multitenancy.enabled, which is off']
      : []),
  ]
  if (enabled) {
    if (Object.keys(servers).length === 0) problems.push('servers: multitenancy is enabled, and there is none')
    problems.push(...missing('shared', shared, ['user']), ...reference('shared.password', shared?.password))
    if (vault !== undefined)
      problems.push(...missing('vault', vault, ['url']), ...reference('vault.token', vault.token))
    for (const [name, server] of Object.entries(servers)) {
      problems.push(...missing(`servers.${name}`, server, ['host']))
      for (const role of ['provisioner', 'broker'] as const)
        problems.push(
          ...missing(`servers.${name}.${role}`, server[role], ['user']),
          ...reference(`servers.${name}.${role}.password`, server[role]?.password),
        )
    }
  }
  if (problems.length > 0) throw new TenancyError('CONFIG_INVALID', { source: 'The settings', problems })
}

function missing(at: string, given: object | undefined, fields: readonly string[]): readonly string[] {
  const there = (given ?? {}) as Readonly<Record<string, unknown>>
  return fields.filter(field => !there[field]).map(field => `${at}.${field}: is missing`)
}

function reference(at: string, given: string | undefined): readonly string[] {
  return /^(?:env|file):./.test(given ?? '') ? [] : [`${at}: must be a reference, env:NAME or file:/path`]
}
