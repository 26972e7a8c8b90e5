import { generateKeyPairSync, sign } from 'node:crypto'

/** Signs tokens as an issuer does, and as one that is not to be believed. */
export interface TokenMaker {
  readonly jwk: object
  make(claims: object, header?: object): string
}

export function tokenMaker(): TokenMaker {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  return {
    jwk: { ...publicKey.export({ format: 'jwk' }), kid: 'key', alg: 'ES256' },
    make(claims, header = {}) {
      const exp = Math.floor(Date.now() / 1000) + 86_400
      const input = `${encode({ alg: 'ES256', kid: 'key', ...header })}.${encode({ aud: 'api', exp, ...claims })}`
      const signature = sign('sha256', Buffer.from(input), { key: privateKey, dsaEncoding: 'ieee-p1363' })
      return `${input}.${signature.toString('base64url')}`
    },
  }
}
