import { type Resolver, singleHeader, TenancyError } from '@tenantry/core'
import type { TenantCredentials } from './credentials.ts'

/** The token of an `Authorization` header. @throws {TenancyError} `CREDENTIAL_INVALID` for anything but a bearer token. */
export function bearerToken(authorization: string): string {
  const token = /^Bearer ([\x21-\x7e]{1,200})$/i.exec(authorization)?.[1]
  if (token === undefined) throw new TenancyError('CREDENTIAL_INVALID', { source: 'the header authorization' })
  return token
}

/** The tenant that a host's credential belongs to. */
export function bearer(credentials: TenantCredentials): Resolver {
  return {
    name: 'bearer credential',
    async resolve(request) {
      const authorization = singleHeader(request, 'authorization')
      if (authorization === undefined) return undefined
      const { tenant } = await credentials.verify(bearerToken(authorization))
      return { key: { kind: 'id', value: tenant }, trust: 'verified' }
    },
  }
}
