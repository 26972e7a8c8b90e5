import { createHmac, hkdfSync } from 'node:crypto'
import { isTenantId, type Secret, TenancyError } from '@tenantry/core'
import { EncryptJWT, errors, jwtDecrypt } from 'jose'

/** What a login carries through the provider: whose it is, and of whom it is expected to come back. */
export interface LoginState {
  /** Names the login. Used once. */
  readonly id: string
  readonly tenantId: string
  readonly issuer: string
  readonly clientId: string
  /** What the frontend gave to know its login again. */
  readonly appState?: string | undefined
  /** Milliseconds since 1970, in whole seconds. */
  readonly until: number
}

/** States, sealed with one key. */
export interface LoginStates {
  /** @param browser - the secret of the browser that begins the login. */
  seal(state: LoginState, browser: string): Promise<string>
  /** @returns `undefined` for what was not sealed here, is over, or was not begun in this browser. */
  open(sealed: string, browser: string): Promise<LoginState | undefined>
  /**
   * The `nonce` or the PKCE verifier of a login. Made of the browser's secret and of ours, and kept nowhere: whoever has the state has
   * neither. 256 bits, 43 characters, as RFC 7636, section 4.1, wants a verifier.
   */
  derive(what: 'nonce' | 'verifier', id: string, browser: string): string
}

const header = { alg: 'dir', enc: 'A256GCM', typ: 'tenantry-login' } as const
/** Ours are below 1 KiB. */
const longest = 4_096

/** @throws {TenancyError} `ARGUMENT_INVALID` for a secret that is too short. */
export function loginStates(secret: Secret): LoginStates {
  const bytes = Buffer.from(secret.reveal(), 'utf8')
  if (bytes.length < 32)
    throw new TenancyError('ARGUMENT_INVALID', { field: 'secret', rule: 'must be at least 32 bytes' })
  const keyFor = (purpose: string) => new Uint8Array(hkdfSync('sha256', bytes, '', `tenantry login ${purpose}`, 32))
  const sealing = keyFor('state')
  const deriving = keyFor('browser')

  function derive(what: string, id: string, browser: string): string {
    return createHmac('sha256', deriving)
      .update(JSON.stringify([what, id, browser]))
      .digest('base64url')
  }

  return {
    derive,
    async seal({ id, tenantId, issuer, clientId, appState, until }, browser) {
      const claims = { tenant_id: tenantId, idp: issuer, client: clientId, browser: derive('browser', id, browser) }
      return new EncryptJWT({ ...claims, ...(appState !== undefined && { app: appState }) })
        .setProtectedHeader(header)
        .setJti(id)
        .setExpirationTime(until / 1000)
        .encrypt(sealing)
    },
    async open(sealed, browser) {
      if (sealed.length > longest) return undefined
      const options = {
        ...{ keyManagementAlgorithms: ['dir'], contentEncryptionAlgorithms: ['A256GCM'], typ: header.typ },
        requiredClaims: ['exp', 'jti'],
      }
      try {
        const { payload } = await jwtDecrypt(sealed, sealing, options)
        const { jti: id, tenant_id: tenantId, idp: issuer, client: clientId, app: appState, exp = 0 } = payload
        if (typeof id !== 'string' || !isTenantId(tenantId)) return undefined
        if (typeof issuer !== 'string' || typeof clientId !== 'string') return undefined
        // Made anew from this browser's secret, which nobody can find by trying.
        if (payload.browser !== derive('browser', id, browser)) return undefined
        const app = typeof appState === 'string' ? { appState } : {}
        return { id, tenantId, issuer, clientId, until: exp * 1000, ...app }
      } catch (error) {
        if (error instanceof errors.JOSEError) return undefined
        throw error
      }
    },
  }
}
