import { type Secret, secret, TenancyError } from '@tenantry/core'

/** What the environment says of the tenancy API. */
export interface Settings {
  /** `TENANTS_ENABLED`, default `false`. */
  readonly enabled: boolean
  /** `TENANTS_API_KEY`: a long random string. Without one every call is refused. */
  readonly apiKey: Secret | undefined
}

/** @throws {TenancyError} `CONFIG_INVALID` */
export function readSettings(env: Readonly<Record<string, string | undefined>> = process.env): Settings {
  const { TENANTS_ENABLED: enabled = 'false', TENANTS_API_KEY: apiKey = '' } = env
  if (enabled !== 'true' && enabled !== 'false')
    throw new TenancyError('CONFIG_INVALID', {
      source: 'The environment',
      problems: ['TENANTS_ENABLED must be "true" or "false"'],
    })
  return { enabled: enabled === 'true', apiKey: apiKey === '' ? undefined : secret(apiKey) }
}
