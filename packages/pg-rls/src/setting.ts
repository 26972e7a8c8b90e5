import { TenancyError } from '@tenantry/core'

/** The setting that carries the tenant's id. One constant for policies, defaults and scope, so that no typing error can part them. */
export const defaultSetting = 'tenantry.tenant_id'

/** The column that says whose row it is. */
export const defaultColumn = 'tenant_id'

/**
 * @throws {TenancyError} `ARGUMENT_INVALID` for a name that Postgres would not take as a setting of an application: a prefix, a
 * dot and a name, in lower case.
 */
export function checkSetting(setting: string): string {
  if (!/^[a-z_][a-z0-9_]*\.[a-z_][a-z0-9_]*$/.test(setting)) {
    throw new TenancyError('ARGUMENT_INVALID', {
      field: 'setting',
      rule: 'must be like "app.tenant_id", in lower case',
    })
  }
  return setting
}
