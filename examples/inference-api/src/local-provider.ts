import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A provider on this machine, as far as a login that begins needs one: it says where people log in. */
export interface LocalProvider {
  /** The issuer of a realm. */
  issuerOf(realm: string): string
  close(): Promise<void>
}

/** Answers with the metadata of any realm (OpenID Connect Discovery 1.0, section 4). Nobody can log in there. */
export async function startProvider(): Promise<LocalProvider> {
  const server = createServer((request, response) => {
    const [, realm] = /^\/realms\/(\w+)\/\.well-known\/openid-configuration$/.exec(request.url ?? '') ?? []
    if (realm === undefined) {
      response.writeHead(404).end()
      return
    }
    const issuer = issuerOf(realm)
    const metadata = {
      issuer,
      authorization_endpoint: `${issuer}/auth`,
      token_endpoint: `${issuer}/token`,
      jwks_uri: `${issuer}/certs`,
      response_types_supported: ['code'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['RS256'],
    }
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(metadata))
  })
  const issuerOf = (realm: string): string =>
    `http://127.0.0.1:${(server.address() as AddressInfo).port}/realms/${realm}`
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    issuerOf,
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
