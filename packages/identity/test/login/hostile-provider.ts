import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { encode, signers, token } from '../support.ts'

/** A provider that answers whatever a test wants. */
export interface HostileProvider {
  readonly issuer: string
  readonly requests: string[]
  /** Over what the metadata says. */
  metadata: Record<string, unknown>
  /** The claims of the next ID token, over good ones. */
  claims: Record<string, unknown>
  /** The header of the next ID token, over a good one. */
  header: Record<string, unknown>
  /** Signs the next ID token. */
  key: KeyObject
  readonly ownKey: KeyObject
  /** Answers a path by itself. */
  answers: Record<string, (response: ServerResponse) => void>
  /** For which login the next token is. */
  nonce: string
  reset(): void
  close(): Promise<void>
}

export async function hostileProvider(clientId: string): Promise<HostileProvider> {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'own', alg: 'RS256', use: 'sig' }
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? '/', 'http://x').pathname
    self.requests.push(path)
    const json = (value: object) =>
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value))
    const own = self.answers[path]
    if (own !== undefined) own(response)
    else if (path === '/.well-known/openid-configuration') json({ ...metadata(), ...self.metadata })
    else if (path === '/jwks') json({ keys: [jwk] })
    else if (path === '/token') json({ access_token: 'x', token_type: 'bearer', id_token: idToken() })
    else response.writeHead(404).end()
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`

  function metadata() {
    const endpoints = { authorization_endpoint: `${issuer}/auth`, token_endpoint: `${issuer}/token` }
    return { issuer, ...endpoints, jwks_uri: `${issuer}/jwks`, authorization_response_iss_parameter_supported: true }
  }
  function idToken(): string {
    const now = Math.floor(Date.now() / 1000)
    const good = { iss: issuer, aud: clientId, sub: 'ada', nonce: self.nonce, iat: now, exp: now + 60 }
    const header = { alg: 'RS256', kid: 'own', ...self.header }
    const claims = { ...good, ...self.claims }
    return header.alg === 'none'
      ? `${encode(header)}.${encode(claims)}.`
      : token(header, claims, signers.rs256(self.key))
  }

  const clean = () => ({ metadata: {}, claims: {}, header: {}, key: privateKey, answers: {}, nonce: '' })
  const self: HostileProvider = {
    ...{ issuer, requests: [], ownKey: privateKey, ...clean() },
    reset() {
      Object.assign(self, clean())
    },
    async close() {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
  return self
}
