import { randomUUID } from 'node:crypto'
import { parsePolicy } from './acl.ts'
import { type Answer, data, done, failure } from './answer.ts'
import type { Fields } from './database-engine.ts'
import type { LeaseStore } from './lease-store.ts'
import { type Namespace, newAppRole, newEngine, newNamespace } from './namespace.ts'
import type { TokenEntry, TokenStore } from './token-store.ts'

/** A request that may be done. */
export interface Call {
  readonly method: string
  readonly path: string
  readonly fields: Fields
  readonly namespace: Namespace
  readonly token: TokenEntry | undefined
}

export interface Stores {
  readonly namespaces: Map<string, Namespace>
  readonly tokens: TokenStore
  readonly leases: LeaseStore
}

/** What answers, or `undefined` where nothing stands at the path. */
export type Route = (call: Call, stores: Stores) => Promise<Answer | undefined> | Answer | undefined

const units: Readonly<Record<string, number>> = { '': 1000, s: 1000, m: 60_000, h: 3_600_000 }
function milliseconds(value: unknown): number {
  const [, number = '0', unit = ''] = /^(\d+)([smh]?)$/.exec(String(value ?? 0)) ?? []
  return Number(number) * (units[unit] ?? Number.NaN)
}
const auth = ({ id, renewable }: TokenEntry, lasts: number): Answer => ({
  status: 200,
  body: { auth: { client_token: id, lease_duration: lasts, renewable } },
})
const policiesOf = (value: unknown) => (Array.isArray(value) ? value.map(String) : [String(value)])

export const tokenRoute: Route = ({ path, fields, token, namespace }, { tokens }) => {
  if (!path.startsWith('auth/token/') || !token) return undefined
  const rest = Math.max(0, Math.round((token.endsAt - Date.now()) / 1000))
  switch (path.slice('auth/token/'.length)) {
    case 'lookup-self':
      return data({
        ...(token.ttl === 0 ? { ttl: 0, expire_time: null } : { ttl: rest, expire_time: new Date(token.endsAt) }),
        ...{ renewable: token.renewable, policies: token.policies },
      })
    case 'renew-self':
      return token.renewable ? auth(token, tokens.renew(token)) : failure(400, 'lease is not renewable')
    case 'revoke-self':
      tokens.revoke(token)
      return done
    case 'create': {
      const ttl = milliseconds(fields.ttl)
      const made = tokens.create({
        ...{ path, namespace: namespace.path, policies: policiesOf(fields.policies), ttl },
        ...{ renewable: fields.renewable !== false, maxTtl: milliseconds(fields.explicit_max_ttl) },
      })
      return auth(made, ttl / 1000)
    }
    case 'revoke': {
      const named = tokens.find(String(fields.token))
      if (named) tokens.revoke(named)
      return done
    }
    default:
      return undefined
  }
}

export const appRoleRoute: Route = ({ method, path, fields, namespace }, { tokens }) => {
  const [, mount = '', rest = ''] = /^auth\/([^/]+)\/(.+)$/.exec(path) ?? []
  const roles = namespace.appRoles.get(mount)
  if (!roles) return undefined
  if (rest === 'login') {
    const role = [...roles.values()].find(({ roleId }) => roleId === fields.role_id)
    if (!role?.secretIds.has(String(fields.secret_id))) return failure(400, 'invalid role or secret ID')
    const ttl = milliseconds(role.fields.token_ttl)
    const made = tokens.create({
      ...{ path, namespace: namespace.path, policies: policiesOf(role.fields.token_policies), ttl, renewable: true },
      maxTtl: milliseconds(role.fields.token_max_ttl),
    })
    return auth(made, ttl / 1000)
  }
  const [, name = '', part] = /^role\/([^/]+)(?:\/(.+))?$/.exec(rest) ?? []
  const role = roles.get(name)
  if (part === undefined && method === 'POST') {
    roles.set(name, newAppRole(fields, role))
    return done
  }
  if (!role) return failure(404)
  if (part === 'role-id') return data({ role_id: role.roleId })
  if (part !== 'secret-id') return undefined
  const secretId = randomUUID()
  role.secretIds.add(secretId)
  return data({ secret_id: secretId })
}

export const systemRoute: Route = async ({ method, path, fields, namespace }, { namespaces, leases }) => {
  const [, kind = '', name = ''] = /^sys\/(mounts|auth|policies\/acl|namespaces)\/(.+)$/.exec(path) ?? []
  if (kind === '') return undefined
  if (kind === 'namespaces') {
    if (method === 'DELETE') namespaces.delete(name)
    else namespaces.set(name, newNamespace(name))
    return data({ path: `${name}/` })
  }
  if (kind === 'policies/acl') {
    namespace.policies.set(name, parsePolicy(String(fields.policy)))
    return done
  }
  if (method === 'DELETE') {
    // Without the mount there is nothing that could revoke, so that first.
    if (kind === 'mounts') for (const lease of leases.under(name, namespace.path)) await leases.revoke(lease)
    namespace[kind === 'mounts' ? 'engines' : 'appRoles'].delete(name)
    return done
  }
  if (kind === 'mounts') namespace.engines.set(name, newEngine())
  else namespace.appRoles.set(name, new Map())
  return done
}
