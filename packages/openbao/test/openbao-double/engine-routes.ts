import { data, done, failure } from './answer.ts'
import type { Fields } from './database-engine.ts'
import type { Route } from './routes.ts'

const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error))

/** `config`, `roles` and `creds` of a mounted database engine. */
export const engineRoute: Route = async ({ method, path, fields, namespace, token }, { leases }) => {
  const [, mount = '', kind = '', name = ''] = /^([^/]+)\/(config|roles|creds)\/(\w(?:[\w.-]*\w)?)$/.exec(path) ?? []
  const engine = namespace.engines.get(mount)
  if (!engine || !token) return undefined
  if (kind === 'creds') {
    if (!engine.roles.has(name)) return failure(400, `unknown role: ${name}`)
    try {
      const place = { mount, namespace: namespace.path, token: token.id, role: name, engine }
      const { lease, username, password } = await leases.issue(place)
      const lasts = Math.round((lease.endsAt - Date.now()) / 1000)
      return {
        status: 200,
        body: { lease_id: lease.id, lease_duration: lasts, renewable: true, data: { username, password } },
      }
    } catch (error) {
      return failure(500, messageOf(error))
    }
  }
  const entries = kind === 'config' ? engine.configs : engine.roles
  if (method === 'DELETE') {
    entries.delete(name)
    return done
  }
  const old = entries.get(name)
  if (method === 'GET') {
    if (!old) return failure(404)
    return data(kind === 'config' ? readable(old) : old)
  }
  const merged = { ...old, ...fields }
  if (kind === 'config') {
    try {
      await engine.verify(merged)
    } catch (error) {
      return failure(400, `error creating database object: error verifying connection: ${messageOf(error)}`)
    }
  }
  entries.set(name, merged)
  return done
}

/** A connection without its password, what the plugin knows in a field of its own. */
const readable = ({ password: _, plugin_name, allowed_roles, ...connection_details }: Fields): Fields => ({
  ...{ plugin_name, allowed_roles, connection_details },
})

/** `sys/leases`: revocation is idempotent, and its failure a 400, as that of every system call. */
export const leaseRoute: Route = async ({ path, fields, namespace }, { leases, tokens }) => {
  const [, what = '', prefix = ''] = /^sys\/leases\/(renew|revoke|revoke-prefix\/(.+))$/.exec(path) ?? []
  if (what === '') return undefined
  try {
    if (what === 'renew') {
      const lease = leases.find(String(fields.lease_id))
      if (!lease || lease.namespace !== namespace.path) return failure(400, 'lease not found')
      if (lease.maximumEnd <= Date.now()) return failure(400, 'past the max TTL, cannot renew')
      const lasts = await leases.renew(lease, Number(fields.increment) * 1000)
      return { status: 200, body: { lease_id: lease.id, lease_duration: lasts, renewable: true } }
    }
    for (const token of tokens.under(prefix, namespace.path)) tokens.revoke(token)
    const named = leases.find(String(fields.lease_id))
    const ending =
      what === 'revoke' ? [named].filter(lease => lease !== undefined) : leases.under(prefix, namespace.path)
    for (const lease of ending) {
      const revoked = leases.revoke(lease)
      if (fields.sync === true) await revoked
      else revoked.catch(() => undefined)
    }
    return done
  } catch (error) {
    return failure(400, messageOf(error))
  }
}
