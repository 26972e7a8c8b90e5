import {
  type CredentialSource,
  type LoginTarget,
  type Secret,
  type SecretSource,
  secret,
  TenancyError,
} from '@tenantry/core'
import { secretReferences } from './secret-references.ts'

/**
 * Credentials that stand, by the tenant's id. For tests and for a handful of tenants: each password lies in memory for ever, so prefer
 * leases.
 *
 * @throws {TenancyError} `CREDENTIALS_REFUSED`, by the source that is returned, for a tenant that is not in the table.
 * @example
 * staticCredentials({ acme: { username: 't_acme', password: secret('…') } })
 */
export function staticCredentials(
  table: Readonly<Record<string, { readonly username: string; readonly password: Secret }>>,
): CredentialSource {
  return {
    name: 'static-credentials',
    async issue({ tenant }) {
      const found = Object.hasOwn(table, tenant) ? table[tenant] : undefined
      if (found !== undefined) return found
      throw new TenancyError('CREDENTIALS_REFUSED', {
        source: 'static-credentials',
        reason: `there are none for tenant "${tenant}"`,
      })
    },
  }
}

/** How standing credentials are found. */
export interface SecretCredentialsOptions {
  /** The login of a tenant. Default `<owner>_login`. */
  readonly username?: (target: LoginTarget) => string
  /** What names its password: a reference such as `env:ACME_PASSWORD` or `file:/run/secrets/acme`. Not secret. */
  readonly password: (target: LoginTarget) => string
  /** Default {@link secretReferences}. */
  readonly secrets?: SecretSource
}

/**
 * Credentials that stand, whose passwords a secret store or an operator keeps; they are read anew whenever the server refuses one.
 *
 * @throws {TenancyError} `CONFIG_INVALID`, by the source that is returned, for a password that is not there.
 * @example
 * secretCredentials({ password: ({ tenant }) => `file:/run/secrets/${tenant}` })
 */
export function secretCredentials(options: SecretCredentialsOptions): CredentialSource {
  const { username = ({ owner }) => `${owner}_login`, password, secrets = secretReferences() } = options
  return {
    name: 'secret-credentials',
    async issue(target) {
      const found = await secrets(password(target))
      return { username: username(target), password: secret(found.reveal()) }
    },
  }
}
