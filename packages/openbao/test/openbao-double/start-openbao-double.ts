import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import { allows } from './acl.ts'
import { type Answer, denied, failure } from './answer.ts'
import type { Fields } from './database-engine.ts'
import { engineRoute, leaseRoute } from './engine-routes.ts'
import { type Faults, faultList } from './faults.ts'
import { leaseStore } from './lease-store.ts'
import { newNamespace } from './namespace.ts'
import { appRoleRoute, type Call, type Stores, systemRoute, tokenRoute } from './routes.ts'
import { type TokenEntry, tokenStore } from './token-store.ts'

/** A request as it came. */
export interface SeenRequest {
  readonly place: string
  readonly token: string | undefined
  readonly namespace: string | undefined
}

/**
 * The part of OpenBAO's published HTTP API that the source of credentials and its tests need, over real Postgres logins. It is
 * no OpenBAO: what a test against it proves is that the source speaks to the API as it is documented.
 */
export interface OpenbaoDouble {
  readonly address: string
  readonly rootToken: string
  readonly seen: SeenRequest[]
  readonly faults: Faults
  /** What `sys/health` answers; 501 and 503 stop everything else, too. Default 200. */
  health: number
  close(): Promise<void>
}

const routes = [tokenRoute, appRoleRoute, systemRoute, leaseRoute, engineRoute]

export async function startOpenbaoDouble(): Promise<OpenbaoDouble> {
  const leases = leaseStore()
  const tokens = tokenStore(token => {
    for (const lease of leases.ofToken(token.id)) leases.revoke(lease).catch(() => undefined)
  })
  const stores: Stores = { namespaces: new Map([['', newNamespace('')]]), tokens, leases }
  const root = tokens.create({
    path: 'auth/token/root',
    namespace: '',
    policies: ['root'],
    ttl: 0,
    maxTtl: 0,
    renewable: false,
  })
  const faults = faultList()
  const seen: SeenRequest[] = []

  const server = createServer(async (request, response) => {
    const path = (request.url ?? '').replace(/^\/v1\//, '').replace(/\?.*$/, '')
    const place = `${request.method} ${path}`
    const token = headerOf(request, 'x-vault-token')
    const namespace = headerOf(request, 'x-vault-namespace')
    seen.push({ place, token, namespace })
    const fault = faults.strike(place)
    if (fault) return fault(request, response)
    const answer = await answerTo(request, path, token, namespace ?? '').catch((error: unknown) =>
      failure(500, String(error)),
    )
    response.writeHead(answer.status, { 'content-type': 'application/json' })
    response.end(answer.body && JSON.stringify(answer.body))
  })

  async function answerTo(request: IncomingMessage, path: string, id: string | undefined, ns: string): Promise<Answer> {
    const fields = request.method === 'POST' ? await fieldsOf(request) : {}
    if (path === 'sys/health') {
      return ns === '' ? { status: double.health, body: {} } : failure(400, 'restricted endpoint')
    }
    if (double.health === 503) return failure(503, 'Vault is sealed')
    if (double.health === 501) return failure(400, 'Vault is not initialized')
    const namespace = stores.namespaces.get(ns)
    if (!namespace) return failure(404, 'namespace not found')
    const token = tokens.find(id)
    const call: Call = { method: request.method ?? '', path, fields, namespace, token }
    if (!isLogin(path) && !mayDo(token, call)) return denied
    for (const route of routes) {
      const answer = await route(call, stores)
      if (answer) return answer
    }
    return failure(404, `no handler for route "${path}"`)
  }

  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const double: OpenbaoDouble = {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    rootToken: root.id,
    seen,
    faults,
    health: 200,
    close: async () => {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
      tokens.stopTimers()
      await leases.close()
    },
  }
  return double
}

const isLogin = (path: string) => /^auth\/[^/]+\/login$/.test(path)

function mayDo(token: TokenEntry | undefined, { method, path, namespace }: Call): boolean {
  if (!token) return false
  if (token.policies.includes('root')) return true
  if (token.namespace !== namespace.path) return false
  const rules = token.policies.flatMap(name => namespace.policies.get(name) ?? [])
  const capability = { GET: 'read', DELETE: 'delete' }[method] ?? 'update'
  return allows(rules, path, path.startsWith('sys/leases/revoke-prefix/') ? [capability, 'sudo'] : [capability])
}

function headerOf(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name]
  return typeof value === 'string' ? value : undefined
}

async function fieldsOf(request: IncomingMessage): Promise<Fields> {
  return (await json(request).catch(() => ({}))) as Fields
}
