import { type Tenancy, TenancyError, type TenantStore } from '@tenantry/core'
import type { Request, RequestHandler } from 'express'
import type { Directory } from './directory.ts'
import type { Tokens } from './tokens.ts'

/** Who calls the admin API: set by {@link adminGuard}. */
const admins = new WeakMap<Request, string>()

/** @throws {TenancyError} `CREDENTIAL_INVALID` where the guard was left out. */
export function adminOf(request: Request): string {
  const email = admins.get(request)
  if (email === undefined) throw new TenancyError('CREDENTIAL_INVALID', { source: 'admin' })
  return email
}

/**
 * Lets administrators through: a token that the control organization has issued for the administration (P18), of a person of that
 * organization (P17) who has the role there now (P32). A role in any other organization is nothing here.
 */
export function adminGuard(
  { tenancy, store }: { readonly tenancy: Tenancy; readonly store: TenantStore },
  people: Directory,
  tokens: Tokens,
): RequestHandler {
  return async (request, response, next) => {
    const [, token] = /^Bearer ([\w.-]+)$/.exec(request.headers.authorization ?? '') ?? []
    const control = await store.findControl()
    const payload = control && token && (await tokens.readAccess(control, token, 'porta-admin'))
    if (!control || !payload) throw new TenancyError('CREDENTIAL_INVALID', { source: 'admin' })
    const { sub = '' } = payload
    const [user, roles] = await tenancy.run(control, () =>
      Promise.all([people.user(sub), people.rolesOf(sub, 'porta-admin')]),
    )
    if (user === undefined) throw new TenancyError('CREDENTIAL_INVALID', { source: 'admin' })
    if (!roles.includes('admin'))
      return void response.status(403).json({ title: 'Not an administrator.', code: 'FORBIDDEN' })
    admins.set(request, user.email)
    next()
  }
}
