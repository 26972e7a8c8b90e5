import { TenancyError, type Tenant } from '@tenantry/core'
import type { Directory } from './directory.ts'
import type { Platform } from './platform.ts'

/** The first administrator. */
export interface FirstAdmin {
  readonly email: string
  readonly password: string
  readonly redirectUri: string
}

/** The organization of the administrators. */
export const controlSlug = 'porta-control'

/**
 * Makes the control organization, its first administrator and the client that administrators log in with (P21). May be killed anywhere and
 * run again with `force`, which mends what is missing and sets the password.
 *
 * @throws {TenancyError} `TENANT_EXISTS` when it was initialised and nobody says `force`.
 */
export async function init(
  { store, lifecycle, tenancy }: Platform,
  people: Directory,
  admin: FirstAdmin,
  { force = false }: { readonly force?: boolean } = {},
): Promise<Tenant> {
  const before = await store.findControl()
  if (before !== undefined && !force) {
    throw new TenancyError('TENANT_EXISTS', { field: 'isControl', value: before.slug })
  }
  const access = { actor: 'porta init', reason: 'bootstrap' }
  const control = before ?? (await lifecycle.ensure({ slug: controlSlug, name: 'Porta', isControl: true }, access))
  const { email, password, redirectUri } = admin
  await tenancy.run(control, async () => {
    const known = await people.userOf(email)
    const user = known ?? (await people.addUser({ email, name: 'Administrator', password }))
    if (known !== undefined) await people.setPassword(email, password)
    if ((await people.client('porta-cli')) === undefined) {
      const client = { id: 'porta-cli', application: 'porta-admin', name: 'Porta administration' }
      await people.addClient({ ...client, redirect_uri: redirectUri })
    }
    await people.addRole(user.id, 'porta-admin', 'admin')
  })
  return control
}
