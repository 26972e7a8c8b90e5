import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { type Secret, secret } from '@tenantry/core'

/** What an operator does to OpenBAO before the application comes: mounts, policies, logins. All of it is removed by `close`. */
export interface Administration {
  readonly mount: string
  readonly prefix: string
  readonly appRoleMount: string
  /** Where a request goes, and what was answered. @throws Error with the status, for any but 2xx. */
  request(method: string, path: string, body?: object): Promise<Record<string, Record<string, unknown>>>
  /** A token under the policy of the README. */
  token(options?: { readonly ttl?: string; readonly renewable?: boolean; readonly policy?: string }): Promise<Secret>
  /** An AppRole under that policy. */
  appRole(options?: {
    readonly ttl?: string
    readonly maxTtl?: string
  }): Promise<{ readonly roleId: string; readonly secretId: Secret; readonly mount: string }>
  close(): Promise<void>
}

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')
const policyOfReadme = /^```hcl\n([\s\S]*?)^```/m.exec(readme)?.[1] ?? ''

export async function administer(address: string, rootToken: string, namespace?: string): Promise<Administration> {
  const run = randomBytes(4).toString('hex')
  const [mount, prefix, appRoleMount, policy] = [`db-${run}`, `t-${run}`, `approle-${run}`, `tenantry-${run}`]

  const request: Administration['request'] = async (method, path, body) => {
    const headers = { 'x-vault-token': rootToken, ...(namespace && { 'x-vault-namespace': namespace }) }
    const init = { method, headers, ...(body && { body: JSON.stringify(body) }) }
    const response = await fetch(`${address}/v1/${path}`, init)
    const text = await response.text()
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`)
    return text === '' ? {} : JSON.parse(text)
  }

  await request('POST', `sys/mounts/${mount}`, { type: 'database' })
  await request('POST', `sys/auth/${appRoleMount}`, { type: 'approle' })
  await request('POST', `sys/policies/acl/${policy}`, {
    policy: policyOfReadme.replaceAll('database/', `${mount}/`).replaceAll('tenantry.', `${prefix}.`),
  })

  return {
    ...{ mount, prefix, appRoleMount, request },
    async token({ ttl = '1h', renewable = true, policy: other = policy } = {}) {
      const { auth } = await request('POST', 'auth/token/create', { policies: [other], ttl, renewable })
      return secret(String(auth?.client_token))
    },
    async appRole({ ttl = '1h', maxTtl = '24h' } = {}) {
      const path = `auth/${appRoleMount}/role/app-${randomBytes(3).toString('hex')}`
      await request('POST', path, { token_policies: [policy], token_ttl: ttl, token_max_ttl: maxTtl })
      const role = await request('GET', `${path}/role-id`)
      const made = await request('POST', `${path}/secret-id`)
      return {
        roleId: String(role.data?.role_id),
        secretId: secret(String(made.data?.secret_id)),
        mount: appRoleMount,
      }
    },
    async close() {
      await request('DELETE', `sys/mounts/${mount}`)
      await request('DELETE', `sys/auth/${appRoleMount}`)
      await request('DELETE', `sys/policies/acl/${policy}`)
    },
  }
}
