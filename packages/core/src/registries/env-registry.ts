import type { z } from 'zod'
import { isTenancyError, TenancyError } from '../errors.ts'
import { consoleLogger, type Logger } from '../logger.ts'
import type { TenantRegistry } from '../registry.ts'
import type { TenantInput } from '../tenant-input.ts'
import { tenantIdSchema, tenantInputSchema } from '../tenant-input.ts'
import { memoryRegistry } from './memory-registry.ts'
import type { ConfiguredTenant, ParameterRule } from './parameter-rule.ts'
import { dereference } from './secret-reference.ts'
import { parseTenantConfigs } from './tenant-configs.ts'

/** Options of {@link envRegistry}. */
export interface EnvRegistryOptions<Shape extends z.ZodRawShape = Record<never, never>> {
  /** Default `process.env`. Read once. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /**
   * Further parameters of each tenant, in snake_case, as an adapter or the application needs them. Checked with the rest;
   * read back with {@link EnvRegistry.config}. A value may stand in a variable of its own: `{ "env": "ACME_MONGO_URI" }` (I43).
   * Default none. Those for MongoDB, Redis and OIDC are ready: {@link tenantParameters}.
   *
   * @example
   * { plan: z.enum(['free', 'pro']), webhook_secret: z.string().transform(secret) }
   */
  readonly parameters?: Shape
  /** Rules over several parameters, or over several tenants. Default none. */
  readonly rules?: readonly ParameterRule<Partial<z.output<z.ZodObject<NoInfer<Shape>>>>>[]
  readonly logger?: Logger
}

/** A registry that is read from the environment once and cannot be changed. */
export interface EnvRegistry<Shape extends z.ZodRawShape = Record<never, never>> extends TenantRegistry {
  /**
   * The further parameters of a tenant. Kept apart from the tenant, because they may hold secrets and tenants are logged.
   *
   * @throws {TenancyError} `TENANT_NOT_FOUND`
   */
  config(id: string): Readonly<z.output<z.ZodObject<Shape>>>
}

// Where a parameter of `TENANT_CONFIGS` goes in a tenant.
const identity = {
  tenant_id: 'id',
  slug: 'slug',
  name: 'name',
  status: 'status',
  domains: 'domains',
  is_control: 'isControl',
  placement: 'placement',
  settings: 'settings',
} as const satisfies Record<string, keyof TenantInput>

// The reference document names these; without a schema in `parameters` they are known, but nobody's.
const documented = new Set([
  ...['mongo_uri', 'mongo_database', 'redis_addr', 'redis_db', 'frontend_url'],
  ...['oidc_issuer', 'oidc_client_id', 'oidc_client_secret', 'oidc_redirect_url', 'oidc_scopes'],
])

const required = 'is required'

/**
 * A {@link TenantRegistry} from `TENANT_CONFIGS`, a JSON array of objects with `tenant_id` and `name` and, optionally, `slug`,
 * `domains`, `status`, `settings`, `placement`, `is_control`. `DEFAULT_TENANT_ID` names the default tenant; without it the first
 * one is, with a warning when there are several (I23–I27). Without a `slug`, the id in lower case with `-` for `_` is the slug.
 *
 * @throws {TenancyError} `CONFIG_INVALID` listing everything that is wrong, each with its index and field, never a value.
 * @example
 * // TENANT_CONFIGS='[{ "tenant_id": "acme_corp", "name": "Acme Corporation" }]'
 * const registry = envRegistry()
 */
export function envRegistry<Shape extends z.ZodRawShape = Record<never, never>>(
  options: EnvRegistryOptions<Shape> = {},
): EnvRegistry<Shape> {
  const { env = process.env, logger = consoleLogger } = options
  type Config = z.output<z.ZodObject<Shape>>
  const shape = (options.parameters ?? {}) as Readonly<Record<string, z.ZodType>>
  const problems: string[] = []
  const inputs: { readonly index: number; readonly input: TenantInput & { id: string } }[] = []
  const configs = new Map<string, Readonly<Config>>()
  const configured: ConfiguredTenant<Partial<Config>>[] = []
  const indexes = new Map<string, number>()
  const ids = new Set<unknown>()

  parseTenantConfigs(env.TENANT_CONFIGS, problems).forEach((entry, index) => {
    const at = (field: PropertyKey[], rule: string) => {
      const problem = `TENANT_CONFIGS[${index}]${field.map(key => `.${String(key)}`).join('')}: ${rule}`
      if (!problems.includes(problem)) problems.push(problem)
    }
    if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) {
      at([], 'must be an object')
      return
    }
    const given = new Map(Object.entries(entry))
    const unknown = [...given.keys()].filter(
      key => !Object.hasOwn(identity, key) && !Object.hasOwn(shape, key) && !documented.has(key),
    )
    if (unknown.length > 0) {
      logger.warn(
        { event: 'config.unknown', index, keys: unknown },
        `TENANT_CONFIGS[${index}] has keys that nothing reads.`,
      )
    }

    const input: Record<string, unknown> = {}
    for (const [key, field] of Object.entries(identity)) if (given.has(key)) input[field] = given.get(key)
    const id = input.id
    ids.add(id)
    if (typeof id === 'string') {
      // A slug is not derived from a bad id; one problem is not to be told twice.
      input.slug ??= tenantIdSchema.safeParse(id).success ? id.toLowerCase().replaceAll('_', '-') : 'unnamed'
      const first = indexes.get(id.toLowerCase())
      if (first !== undefined) at(['tenant_id'], `is the same as TENANT_CONFIGS[${first}].tenant_id`)
      indexes.set(id.toLowerCase(), first ?? index)
    } else {
      at(['tenant_id'], id === undefined ? required : 'must be text')
      input.slug ??= 'unnamed'
      input.id = undefined
    }
    const checked = tenantInputSchema.safeParse(input)
    for (const { path, message } of checked.error?.issues ?? []) {
      const [field, ...rest] = path
      const key = keyOf(String(field))
      const derived = key === 'slug' && !given.has(key) ? ' (it was made of tenant_id; give one)' : ''
      at([key, ...rest], given.has(key) || derived ? `${message}${derived}` : required)
    }
    const before = problems.length
    const config: Record<string, unknown> = {}
    // One by one, so that the rules hear of those that are good.
    for (const [name, schema] of Object.entries(shape)) {
      const found = dereference(given.get(name), env)
      if (found.rule !== undefined) {
        at([name], found.rule)
        continue
      }
      const parsed = schema.safeParse(found.value)
      for (const { path, message } of parsed.error?.issues ?? [])
        at([name, ...path], given.has(name) ? message : required)
      if (parsed.success && parsed.data !== undefined) config[name] = parsed.data
    }
    configured.push({ index, config: Object.freeze(config) as Readonly<Partial<Config>>, given: new Set(given.keys()) })
    if (checked.success && problems.length === before && typeof id === 'string') {
      inputs.push({ index, input: { ...checked.data, id } })
      configs.set(id, config as Readonly<Config>)
    }
  })
  for (const rule of options.rules ?? []) {
    for (const { index, parameter, rule: broken } of rule(configured))
      problems.push(`TENANT_CONFIGS[${index}].${parameter}: ${broken}`)
  }

  const wanted = env.DEFAULT_TENANT_ID
  const fallback = wanted || inputs[0]?.input.id
  if (wanted && ids.size > 0 && !ids.has(wanted)) {
    problems.push('DEFAULT_TENANT_ID: names no tenant of TENANT_CONFIGS')
  }
  const registry = memoryRegistry()
  for (const { index, input } of inputs) {
    try {
      registry.add({ ...input, isDefault: input.id === fallback })
    } catch (error) {
      if (!isTenancyError(error) || error.code !== 'TENANT_EXISTS') throw error
      const { field } = error.details
      // Of an id this is told already, with its place.
      if (field !== 'id') problems.push(`TENANT_CONFIGS[${index}].${keyOf(field)}: is taken by an earlier entry`)
    }
  }
  if (problems.length > 0) throw new TenancyError('CONFIG_INVALID', { source: 'The tenant configuration', problems })
  if (!wanted && inputs.length > 1) {
    logger.warn(
      { event: 'config.default', tenant: fallback },
      'DEFAULT_TENANT_ID is not set, so the first tenant of TENANT_CONFIGS is the default tenant.',
    )
  }

  return {
    find: registry.find,
    findDefault: registry.findDefault,
    list: registry.list,
    config(id) {
      const config = configs.get(id)
      if (config === undefined) throw new TenancyError('TENANT_NOT_FOUND', { key: `id ${id}` })
      return config
    },
  }
}

// The parameter that a field of a tenant comes from.
function keyOf(field: string): string {
  if (field === 'domain') return 'domains'
  return Object.entries(identity).find(([, name]) => name === field)?.[0] ?? field
}
