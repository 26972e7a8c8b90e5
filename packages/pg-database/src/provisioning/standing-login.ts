import { type Credentials, type LoginTarget, TenancyError } from '@tenantry/core'
import { type Query, quoteIdentifier } from '@tenantry/pg'
import pg from 'pg'
import { grantRole } from '../grant-role.ts'
import { scramVerifier } from '../scram-verifier.ts'
import { markRole, ownOrForeign } from './mark.ts'
import { atOnce } from './provisioner.ts'

/**
 * Makes the login of a tenant whose credentials stand, or gives it the password that they have now. It is the owner role from when it
 * connects.
 *
 * @throws {TenancyError} `OBJECT_FOREIGN`, `CREDENTIALS_REFUSED` for the name of another role.
 */
export async function makeStandingLogin(
  query: Query,
  { owner }: Pick<LoginTarget, 'owner'>,
  mark: { readonly tenant: string },
  { username, password }: Credentials,
  version: number,
): Promise<void> {
  if (username === owner)
    throw new TenancyError('CREDENTIALS_REFUSED', {
      source: 'The credentials',
      reason: `${username} is the owner role, which does not log in`,
    })
  const login = quoteIdentifier(username)
  const { rows } = await query<{ comment: string | null }>(
    `select shobj_description(oid, 'pg_authid') as comment from pg_roles where rolname = $1`,
    [username],
  )
  const [found] = rows
  if (found !== undefined) ownOrForeign(username, found.comment, { ...mark, login: true })
  const verifier = pg.escapeLiteral(scramVerifier(password.reveal(), 4_096))
  await atOnce(query, [
    `${found === undefined ? 'create' : 'alter'} role ${login} login inherit password ${verifier}`,
    markRole(username, { ...mark, login: true }),
    grantRole(owner, login, version),
    `alter role ${login} set role = ${quoteIdentifier(owner)}`,
  ])
}
