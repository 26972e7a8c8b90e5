import { type CredentialSource, type LoginTarget, type Secret, secret, TenancyError } from '@tenantry/core'
import { checkOptions } from './check-options.ts'
import { tokenMaker } from './client-token.ts'
import { databaseEntries } from './database-entries.ts'
import { entryNames } from './entry-names.ts'
import { refused, sourceName, unavailable } from './failures.ts'
import type { OpenbaoOptions } from './openbao-options.ts'
import { readLeaseDuration, readLogin, saysUnknownRole } from './read-answers.ts'
import { vaultClient } from './vault-client.ts'
import { vaultSession } from './vault-session.ts'

/**
 * Logins of tenants from the database secrets engine of OpenBAO, or of Vault, over HTTP.
 *
 * `ready()` refuses a node that is sealed, not initialised, or cut off from its cluster; a standby is fine, as it forwards.
 * `enrol()` writes the connection of the server and the role of the tenant. A lease ends at the latest with the token that it was
 * issued to, so that `expiresAt` is the earlier of both ends, and what an earlier token has issued is replaced, not renewed. By
 * AppRole `close()` revokes the token and so ends every lease that this process still has; a token that was given lives on.
 * `revokeAll()` and `withdraw()` need `sudo` on `sys/leases/revoke-prefix`.
 *
 * @throws {TenancyError} `CONFIG_INVALID` with every problem of the options.
 * @example
 * const credentials = openbaoLeases({
 *   address: 'https://openbao.internal:8200',
 *   auth: { roleId: 'tenantry', secretId: secret('…') },
 *   servers: { eu1: { connection: 'eu1' } },
 * })
 */
export function openbaoLeases(options: OpenbaoOptions): CredentialSource {
  const settings = checkOptions(options)
  const { mount, lifetime, logger } = settings
  const names = entryNames(settings.prefix)
  const client = vaultClient(settings)
  const session = vaultSession(client, tokenMaker(client, settings.auth), logger)
  const entries = databaseEntries(settings, session, names)
  const issuers = new Map<string, { readonly token: Secret; readonly endsAt: number }>()

  const credsOf = (target: LoginTarget) => `${mount}/creds/${names.role(target)}`

  /** Another tenant's lease is neither renewed nor revoked, whatever the caller mixes up. */
  function leaseOf(lease: string | undefined, target: LoginTarget): string {
    if (lease?.startsWith(`${credsOf(target)}/`)) return lease
    throw new TenancyError('ARGUMENT_INVALID', {
      field: 'credentials.lease',
      rule: `must be a lease of ${credsOf(target)}`,
    })
  }

  function remember(lease: string, token: Secret, endsAt: number): void {
    const now = Date.now()
    for (const [old, { endsAt: end }] of issuers) if (end <= now) issuers.delete(old)
    issuers.set(lease, { token, endsAt })
  }

  async function revokeUnder(target: LoginTarget): Promise<void> {
    const path = `sys/leases/revoke-prefix/${credsOf(target)}`
    const { answer } = await session.ask({ method: 'POST', path, body: { sync: true } }, true)
    if (answer.status >= 300) throw unavailable(`POST ${path} answers ${answer.status}: some leases are not revoked`)
  }

  return {
    name: sourceName,
    lifetime,
    async ready() {
      const { usable, description } = await client.state()
      if (!usable) throw unavailable(description)
      await session.token()
    },
    async broker(name) {
      const server = Object.hasOwn(options.servers, name) ? options.servers[name] : undefined
      if (server === undefined) throw refused(`there is no server "${name}"`)
      return 'connection' in server ? server.broker : server.username
    },
    async issue(target) {
      const path = credsOf(target)
      const asked = Date.now()
      // Not repeated where it may have been done, as each is one more login; one that nobody hears of ends with its lease.
      const { answer, token } = await session.ask({ method: 'GET', path }, false, asked + lifetime)
      if (saysUnknownRole(answer)) throw refused(`GET ${path} answers ${answer.status}: the tenant is not enrolled`)
      if (answer.status !== 200) throw refused(`GET ${path} answers ${answer.status}`)
      const { lease, lasts, username, password } = readLogin(`GET ${path}`, answer)
      const expiresAt = Math.min(asked + lasts, token.endsAt)
      remember(lease, token.secret, asked + lasts)
      return { username, password: secret(password), lease, expiresAt }
    },
    async renew(credentials, target) {
      const lease = leaseOf(credentials.lease, target)
      const path = 'sys/leases/renew'
      const asked = Date.now()
      const issuer = issuers.get(lease)
      const { secret: current } = await session.token(asked + lifetime)
      if (issuer && issuer.token !== current) return undefined
      const body = { lease_id: lease, increment: lifetime / 1000 }
      const { answer, token } = await session.ask({ method: 'POST', path, body }, true)
      // 400: it has ended, or is not renewable, or is at the end of max_ttl.
      if (answer.status !== 200 || token.secret !== current) return undefined
      const lasts = readLeaseDuration(`POST ${path}`, answer)
      const expiresAt = Math.min(asked + lasts, token.endsAt)
      if (expiresAt <= (credentials.expiresAt ?? 0)) return undefined
      remember(lease, current, asked + lasts)
      return { ...credentials, expiresAt }
    },
    async revoke(credentials, target) {
      const lease = leaseOf(credentials.lease, target)
      const path = 'sys/leases/revoke'
      // Else it is only queued, and the login lives on for a while.
      const { answer } = await session.ask({ method: 'POST', path, body: { lease_id: lease, sync: true } }, true)
      if (answer.status >= 300) throw unavailable(`POST ${path} answers ${answer.status}: the lease is not revoked`)
      issuers.delete(lease)
    },
    revokeAll: revokeUnder,
    enrol: entries.write,
    async withdraw(target) {
      // In this order: nothing is issued after what was issued is gone.
      await entries.removeRole(target)
      await revokeUnder(target)
    },
    close: session.close,
  }
}
