import { type Participant, secret, type Tenant } from '@tenantry/core'
import type { PostgresRegistry } from '@tenantry/pg/registry'
import { type CryptoKey, calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK, type JWK } from 'jose'

/** The key that an organization signs with: nobody else has it, so that a token says by itself whose it is. */
export interface SigningKey {
  readonly kid: string
  readonly publicJwk: JWK
  readonly privateKey: CryptoKey
  readonly publicKey: CryptoKey
}

export interface SigningKeys {
  of(tenant: Tenant): Promise<SigningKey>
  /** Makes an organization's key when it is made. */
  readonly participant: Participant
}

export const alg = 'ES256'
const name = 'signing-key'

/** Keys stand in the registry, encrypted for their organization. */
export function signingKeys(store: PostgresRegistry): SigningKeys {
  const known = new Map<string, Promise<SigningKey>>()

  async function read(tenant: Tenant): Promise<SigningKey> {
    const kept = await store.getSecret(tenant.id, name)
    if (kept === undefined) throw new Error(`Organization ${tenant.id} has no key.`)
    const jwk = JSON.parse(kept.reveal()) as JWK
    const { d: _, ...publicJwk } = jwk
    const kid = await calculateJwkThumbprint(publicJwk)
    return {
      kid,
      publicJwk: { ...publicJwk, kid, alg, use: 'sig' },
      privateKey: (await importJWK(jwk, alg)) as CryptoKey,
      publicKey: (await importJWK(publicJwk, alg)) as CryptoKey,
    }
  }

  return {
    of(tenant) {
      const before = known.get(tenant.id)
      if (before !== undefined) return before
      const reading = read(tenant)
      known.set(tenant.id, reading)
      reading.catch(() => known.delete(tenant.id))
      return reading
    },
    participant: {
      name,
      async provision(tenant) {
        if ((await store.getSecret(tenant.id, name)) !== undefined) return
        const { privateKey } = await generateKeyPair(alg, { extractable: true })
        const text = JSON.stringify(await exportJWK(privateKey))
        await store.setSecret(tenant.id, name, secret(text), { actor: 'porta', reason: 'a new organization' })
      },
      async deprovision(tenant) {
        const had = (await store.getSecret(tenant.id, name)) !== undefined
        await store.removeSecret(tenant.id, name, { actor: 'porta', reason: 'the organization is destroyed' })
        known.delete(tenant.id)
        return { tenant: tenant.id, erased: had ? [{ kind: 'secret', name, count: 1 }] : [] }
      },
      async inventory(tenant) {
        return (await store.getSecret(tenant.id, name)) === undefined ? [] : [{ kind: 'secret', name, count: 1 }]
      },
    },
  }
}
