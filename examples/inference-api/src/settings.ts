import {
  type EnvRegistry,
  envRegistry,
  isTenancyError,
  type Logger,
  type Secret,
  secret,
  TenancyError,
  tenantParameters,
} from '@tenantry/core'

type Env = Readonly<Record<string, string | undefined>>

/** The tenants, with their parameters. */
export type Tenants = EnvRegistry<(typeof tenantParameters)['parameters']>

/** What an operator configures, all of it, from the environment. */
export interface Settings {
  /** `TENANT_CONFIGS` and `DEFAULT_TENANT_ID`. */
  readonly tenants: Tenants
  /** `OPERATOR_KEY`: who has it makes API keys for every tenant. */
  readonly operatorKey: Secret
  /** `GATEWAY_KEY`: by which a gateway proves itself, whose `x-tenant-id` is believed. Absent: nobody's is. */
  readonly gatewayKey: Secret | undefined
}

/** @throws {TenancyError} `CONFIG_INVALID` with everything that is wrong, never with a value. */
export function readSettings(env: Env, logger: Logger): Settings {
  const problems: string[] = []
  const operatorKey = keyIn(env, 'OPERATOR_KEY')
  const gatewayKey = keyIn(env, 'GATEWAY_KEY')
  if (operatorKey === undefined) problems.push('OPERATOR_KEY: is required')
  for (const [name, key] of Object.entries({ OPERATOR_KEY: operatorKey, GATEWAY_KEY: gatewayKey }))
    if (key !== undefined && key.reveal().length < 16) problems.push(`${name}: must have at least 16 characters`)
  const tenants = tenantsIn(env, logger, problems)
  if (problems.length > 0 || tenants === undefined || operatorKey === undefined)
    throw new TenancyError('CONFIG_INVALID', { source: 'The environment', problems })
  return { tenants, operatorKey, gatewayKey }
}

function keyIn(env: Env, name: string): Secret | undefined {
  const text = env[name]
  return text === undefined || text === '' ? undefined : secret(text)
}

function tenantsIn(env: Env, logger: Logger, problems: string[]): Tenants | undefined {
  try {
    return envRegistry({ ...tenantParameters, env, logger })
  } catch (error) {
    if (!isTenancyError(error) || error.code !== 'CONFIG_INVALID') throw error
    problems.push(...error.details.problems)
    return undefined
  }
}
