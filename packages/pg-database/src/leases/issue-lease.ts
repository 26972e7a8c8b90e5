import { randomBytes } from 'node:crypto'
import { type Credentials, type LoginTarget, secret, tenantDigest } from '@tenantry/core'
import { quoteIdentifier } from '@tenantry/pg'
import pg from 'pg'
import { grantRole } from '../grant-role.ts'
import { scramVerifier } from '../scram-verifier.ts'
import type { Broker } from './broker.ts'
import { refusal, refused } from './broker-failure.ts'
import { leaseMarkText } from './lease-mark.ts'
import { leaseName } from './lease-name.ts'
import { readOwner } from './owner-powers.ts'

/**
 * Makes a login of a tenant.
 *
 * All in one transaction: a crash leaves either nothing or a login with its end and its mark, whose password nobody knows.
 *
 * @throws {TenancyError} `CREDENTIALS_UNAVAILABLE`, `CREDENTIALS_REFUSED`
 */
export async function issueLease(
  broker: Broker,
  target: LoginTarget,
  options: { readonly prefix: string; readonly lifetime: number },
): Promise<Credentials> {
  const { tenant, owner } = target
  const { prefix, lifetime } = options
  // The server counts later: by both clocks the login is there as long as it is believed to be.
  const expiresAt = Date.now() + lifetime
  const username = leaseName(prefix, tenant)
  const password = secret(randomBytes(32).toString('base64url'))
  try {
    await broker.transaction(async query => {
      const found = await readOwner(query, owner, lifetime)
      if (found === undefined) throw refused(`there is no role "${owner}" on server "${broker.server}"`)
      const { powers, until, version } = found
      if (powers.length > 0) throw refused(`the role "${owner}" has ${powers.join(', ')}, which no tenant may have`)
      const login = quoteIdentifier(username)
      const mark = leaseMarkText(username, tenantDigest(tenant))
      await query(
        `create role ${login} login password ${pg.escapeLiteral(scramVerifier(password.reveal(), 1))} valid until '${until}';
         ${grantRole(owner, login, version)};
         alter role ${login} set role = ${pg.escapeLiteral(owner)};
         comment on role ${login} is ${pg.escapeLiteral(mark)}`,
      )
    })
  } catch (error) {
    throw refusal(broker.server, error)
  }
  return Object.freeze({ username, password, expiresAt, lease: username })
}
