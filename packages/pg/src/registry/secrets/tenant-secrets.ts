import { type Secret, type SecretSource, secret, TenancyError } from '@tenantry/core'
import { asking } from '../ask.ts'
import { type Act, type ChangeTerms, changeByHand } from '../change-by-hand.ts'
import { rowsOf } from '../tables.ts'
import { readTenant } from '../tenant-write.ts'
import type { KeyPort } from './key-port.ts'

/** How the registry keeps secrets. */
export interface SecretOptions {
  /** What secrets are encrypted with before they are sent to the database. Without it only references can be kept. */
  readonly keys?: KeyPort
  /** Where references are looked up. Without it only encrypted secrets can be read. */
  readonly secrets?: SecretSource
}

/** Secrets of tenants: encrypted, or as the name that they have in a secret store. Never part of a tenant, which is logged. */
export interface TenantSecrets {
  /**
   * Sets or replaces a secret, with an entry in the audit that names it and does not show it.
   *
   * @throws {TenancyError} `TENANT_NOT_FOUND`; `CONFIG_INVALID` without `keys`, or when they fail.
   */
  setSecret(tenant: string, name: string, value: Secret | { readonly reference: string }, act: Act): Promise<void>
  /**
   * @returns `undefined` when the tenant has none of this name.
   * @throws {TenancyError} `CONFIG_INVALID` when it was not encrypted by these keys for this tenant and name; what `secrets` throws.
   */
  getSecret(tenant: string, name: string): Promise<Secret | undefined>
  /** With an entry in the audit. Does nothing when there is none. */
  removeSecret(tenant: string, name: string, act: Act): Promise<void>
}

export function tenantSecrets(terms: ChangeTerms, { keys, secrets }: SecretOptions): TenantSecrets {
  const { pool, db, ready } = terms
  const source = 'The secrets of the registry'

  /** What a key store throws is not shown: it may have been told what it was to encrypt. */
  async function withKeys<T>(what: string, work: (keys: KeyPort) => Promise<T>): Promise<T> {
    if (keys === undefined)
      throw new TenancyError('CONFIG_INVALID', { source, problems: [`${what} needs the option keys`] })
    try {
      return await work(keys)
    } catch {
      throw new TenancyError('CONFIG_INVALID', { source, problems: [`${what} failed with these keys`] })
    }
  }

  return {
    async setSecret(tenant, name, value, act) {
      const reference = 'reference' in value ? value.reference : null
      const encrypt = (plain: Secret) =>
        withKeys(`encrypting ${name} of tenant ${tenant}`, port =>
          port.encrypt(Buffer.from(plain.reveal()), { tenant, name }),
        )
      const ciphertext = 'reference' in value ? null : Buffer.from(await encrypt(value))
      const entry = { action: 'tenant.secret.set', tenant, details: { name } }
      await changeByHand(terms, entry, act, async query => {
        if ((await readTenant(query, db, tenant)) === undefined)
          throw new TenancyError('TENANT_NOT_FOUND', { key: `id ${tenant}` })
        const insert = db.insertInto('registry_secrets').values({ tenant, name, reference, ciphertext })
        await rowsOf(
          query,
          insert.onConflict(conflict => conflict.columns(['tenant', 'name']).doUpdateSet({ reference, ciphertext })),
        )
        return true
      })
    },
    async getSecret(tenant, name) {
      await ready()
      const own = db.selectFrom('registry_secrets').select(['reference', 'ciphertext']).where('tenant', '=', tenant)
      const [found] = await rowsOf(asking(pool), own.where('name', '=', name))
      if (found === undefined) return undefined
      const { reference, ciphertext } = found
      if (reference !== null) {
        if (secrets === undefined)
          throw new TenancyError('CONFIG_INVALID', {
            source,
            problems: [`${name} is a reference and needs the option secrets`],
          })
        return secrets(reference)
      }
      const what = `decrypting ${name} of tenant ${tenant}`
      const plain = await withKeys(what, port => port.decrypt(ciphertext as Buffer, { tenant, name }))
      return secret(Buffer.from(plain).toString('utf8'))
    },
    removeSecret(tenant, name, act) {
      const entry = { action: 'tenant.secret.remove', tenant, details: { name } }
      return changeByHand(terms, entry, act, async query => {
        const own = db.deleteFrom('registry_secrets').where('tenant', '=', tenant).where('name', '=', name)
        return (await rowsOf(query, own.returning('name'))).length > 0
      })
    },
  }
}
