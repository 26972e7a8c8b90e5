import { type Secret, secret } from '@tenantry/core'
import type { VaultAnswer } from './exchange.ts'
import { refused } from './failures.ts'
import type { OpenbaoAuth } from './openbao-options.ts'
import { readAuth, readLookup, type TokenFacts } from './read-answers.ts'
import type { VaultClient } from './vault-client.ts'

/** A token of OpenBAO and its end, in milliseconds since 1970 on this process's clock, counted from before it was asked for. */
export interface ClientToken {
  readonly secret: Secret
  readonly endsAt: number
  /** When it was made or last renewed. */
  readonly since: number
  /** How long it lasted when it was made: a renewal that gives far less tells that its own maximum is near. */
  readonly firstLasts: number
  readonly renewable: boolean
}

/** How tokens are had, kept and given back: OpenBAO, "AppRole auth method (API)" and "Token auth method (API)". */
export interface TokenMaker {
  /** Whether another one can be had when this one ends. */
  readonly again: boolean
  /** @throws {TenancyError} `CREDENTIALS_REFUSED`, `CREDENTIALS_UNAVAILABLE` */
  open(): Promise<ClientToken>
  /** The same token with a later end; `undefined` when OpenBAO does not renew it. @throws {TenancyError} `CREDENTIALS_UNAVAILABLE` */
  renew(token: ClientToken): Promise<ClientToken | undefined>
  /** Whether OpenBAO still knows it. @throws {TenancyError} `CREDENTIALS_UNAVAILABLE` */
  isAlive(token: ClientToken): Promise<boolean>
  /** Ends it, and with it every lease that was issued to it. @throws {TenancyError} `CREDENTIALS_UNAVAILABLE` */
  revoke(token: ClientToken): Promise<void>
}

const lookup = { method: 'GET', path: 'auth/token/lookup-self' } as const

/** Tokens by the way of `auth`. */
export function tokenMaker(client: VaultClient, auth: OpenbaoAuth): TokenMaker {
  const made = (token: Secret, since: number, { lasts, renewable }: TokenFacts): ClientToken => ({
    ...{ secret: token, since, renewable, endsAt: since + lasts, firstLasts: lasts },
  })

  async function lookUp(token: Secret): Promise<ClientToken> {
    const since = Date.now()
    const answer = await client.ask({ ...lookup, token }, true)
    if (answer.status !== 200) throw refused(`GET ${lookup.path} answers ${answer.status}: the token is not accepted`)
    return made(token, since, readLookup(`GET ${lookup.path}`, answer))
  }

  async function logIn(roleId: string, secretId: Secret, mount: string): Promise<ClientToken> {
    const path = `auth/${mount}/login`
    const since = Date.now()
    const body = { role_id: roleId, secret_id: secretId.reveal() }
    // Not repeated where it may have been done: a secret id may be good for so many logins only.
    const answer = await client.ask({ method: 'POST', path, body }, false)
    if (answer.status !== 200)
      throw refused(`POST ${path} answers ${answer.status}: role id or secret id is not accepted`)
    const facts = readAuth(`POST ${path}`, answer)
    return made(secret(facts.token), since, facts)
  }

  return {
    again: !('token' in auth),
    open: () => ('token' in auth ? lookUp(auth.token) : logIn(auth.roleId, auth.secretId, auth.mount ?? 'approle')),
    async renew(token) {
      const path = 'auth/token/renew-self'
      const since = Date.now()
      const answer: VaultAnswer = await client.ask({ method: 'POST', path, body: {}, token: token.secret }, true)
      if (answer.status !== 200) return undefined
      const { lasts, renewable } = readAuth(`POST ${path}`, answer)
      return { ...token, since, renewable, endsAt: since + lasts }
    },
    async isAlive(token) {
      const answer = await client.ask({ ...lookup, token: token.secret }, true)
      return answer.status === 200
    },
    async revoke(token) {
      await client.ask({ method: 'POST', path: 'auth/token/revoke-self', token: token.secret }, true)
    },
  }
}
