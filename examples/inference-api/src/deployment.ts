import { randomBytes } from 'node:crypto'

/** Servers that a deployment is made of. */
export interface Servers {
  readonly mongo: { readonly url: string; readonly prefix: string }
  readonly redis: readonly [Address, Address]
  /** Of initech's provider. */
  readonly issuer: string
}

interface Address {
  readonly host: string
  readonly port: number
}

/** The environment of three tenants: two share a Redis server by number, the third has one of its own (I18, I40). */
export function deploy({ mongo, redis: [first, second], issuer }: Servers) {
  const of = (id: string, name: string, { host, port }: Address, redis_db: number, more: object = {}) => ({
    tenant_id: id,
    name,
    mongo_uri: mongo.url,
    mongo_database: `${mongo.prefix}${id}_db`,
    redis_addr: `${host}:${port}`,
    redis_db,
    ...more,
  })
  const oidc = {
    frontend_url: 'https://app.initech.example',
    oidc_issuer: issuer,
    oidc_client_id: 'inference-api-client',
    // In a variable of its own, where a secret manager would put it (I43).
    oidc_client_secret: { env: 'INITECH_OIDC_SECRET' },
    oidc_redirect_url: 'https://api.platform.example/v1/auth/oidc/callback',
  }
  const tenants = [
    of('acme_corp', 'Acme Corporation', first, 0),
    of('globex_inc', 'Globex Inc', first, 1),
    of('initech', 'Initech', second, 0, oidc),
  ]
  return {
    TENANT_CONFIGS: JSON.stringify(tenants),
    DEFAULT_TENANT_ID: 'acme_corp',
    OPERATOR_KEY: random(),
    GATEWAY_KEY: random(),
    INITECH_OIDC_SECRET: random(),
  }
}

/** The environment of a deployment. */
export type Deployment = ReturnType<typeof deploy>

function random(): string {
  return randomBytes(24).toString('base64url')
}
