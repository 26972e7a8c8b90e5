import { isTenantId, type RequestView, type Resolver, TenancyError, type TenantKey } from '@tenantry/core'
import { bodyFields, singleFields } from '../web/request-fields.ts'

/** What a request to begin a login says. All of it may be anybody's word. */
export interface LoginHint {
  /** Each names the tenant. */
  readonly keys: readonly TenantKey[]
  readonly appState?: string | undefined
}

/**
 * @throws {TenancyError} `REQUEST_INVALID` for a malformed one; `TENANT_NOT_FOUND` for what is no id of a tenant; `TENANT_ABSENT` without any
 * hint; and what the resolvers throw.
 */
export async function loginHint(request: Request, hints: readonly Resolver[]): Promise<LoginHint> {
  const { search } = new URL(request.url)
  const body = request.method === 'POST' ? await bodyFields(request) : {}
  const fields = { ...singleFields(new URLSearchParams(search), 'query'), ...body }
  const { tenant_id: id, state: appState } = fields
  if (appState !== undefined && !/^[\x21-\x7e]{1,256}$/.test(appState))
    throw new TenancyError('REQUEST_INVALID', { field: 'state', rule: 'must be 1–256 visible characters of ASCII' })
  if (id !== undefined && !isTenantId(id)) throw new TenancyError('TENANT_NOT_FOUND', { key: 'no id' })
  const keys: TenantKey[] = id === undefined ? [] : [{ kind: 'id', value: id }]
  for (const hint of hints) {
    const found = await hint.resolve(viewOf(request))
    // A credential that is good for several tenants names none.
    if (found !== undefined && 'key' in found) keys.push(found.key)
  }
  if (keys.length === 0)
    throw new TenancyError('TENANT_ABSENT', { tried: ['tenant_id', ...hints.map(({ name }) => name)] })
  return { keys, appState }
}

function viewOf(request: Request): RequestView {
  const { pathname, search } = new URL(request.url)
  return {
    target: `${pathname}${search}`,
    header(name) {
      const value = request.headers.get(name)
      return value === null ? [] : [value]
    },
  }
}
