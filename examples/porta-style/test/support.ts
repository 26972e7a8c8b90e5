import { type Answer, type Call, quietLogger, send } from '@tenantry/demo'
import { findRedis, type RedisServer, startRedis } from '@tenantry/servers'
import { describePostgres, type PostgresForTests } from '@tenantry/servers/vitest'
import { beforeAll, describe } from 'vitest'
import { logIn } from '../src/browse.ts'
import { type Deployment, openDeployment } from '../src/open-deployment.ts'

export const redirect = 'https://shop.example/callback'
export const host = 'auth.example.com'

/** A deployment with two organizations, and an administrator who is logged in. */
export interface House {
  readonly deployment: Deployment
  /** Of the process of this number. */
  ask(call: Omit<Call, 'host'>, process?: 0 | 1): Promise<Answer>
  admin(method: string, path: string, body?: unknown, headers?: Readonly<Record<string, string>>): Promise<Answer>
  /** An organization of a test's own, with a client `shop` and a person. */
  organization(branding?: object): Promise<{ readonly slug: string; readonly id: string; readonly user: string }>
}

const source = await findRedis()
let made = 0
export const ada = { email: 'ada@example.com', name: 'Ada', password: 'correct horse' }

/** A `describe` with Postgres and Redis. Skipped, and its name says why, where there are none. */
export function describeHouse(name: string, tests: (house: House, server: PostgresForTests) => void): void {
  if ('missing' in source) {
    if (process.env.TENANTRY_REQUIRE_REDIS === '1') throw new Error(source.missing)
    process.stderr.write(`tenantry: "${name}" is SKIPPED. ${source.missing}\n`)
    describe.skip(`${name} [skipped: ${source.missing}]`, () => tests({} as House, {} as PostgresForTests))
    return
  }
  describePostgres(name, server => {
    let redis: RedisServer | undefined
    let opened: Deployment | undefined
    let token = ''
    beforeAll(async () => {
      redis = await startRedis()
      const [data, registry] = [await server.freshDatabase(), await server.freshDatabase()]
      opened = await openDeployment({ data, registry, redis, logger: quietLogger })
      const { admin, control, processes } = opened
      const login = { slug: control.slug, client: 'porta-cli', redirect: admin.redirectUri }
      token = (await logIn(processes[0].port, { ...login, ...admin })).access_token ?? ''
      return async () => {
        await opened?.close()
        await redis?.stop()
      }
    })
    const deployment = (): Deployment => {
      if (opened === undefined) throw new Error('It is there once beforeAll has run.')
      return opened
    }
    const house: House = {
      get deployment() {
        return deployment()
      },
      ask: (call, process = 0) => send(deployment().processes[process].port, { host, ...call }),
      admin: (method, path, body, headers = {}) =>
        house.ask({
          method,
          path: `/api/admin${path}`,
          body,
          headers: { authorization: `Bearer ${token}`, ...headers },
        }),
      async organization(branding) {
        const slug = `org-${++made}`
        const { body } = await house.admin('POST', '/organizations', { slug, name: `Org ${made}`, branding })
        const client = { id: 'shop', application: 'shop', name: 'Shop', redirect_uri: redirect }
        await house.admin('POST', `/organizations/${slug}/clients`, client)
        const user = await house.admin('POST', `/organizations/${slug}/users`, ada)
        return { slug, id: (body as { id: string }).id, user: (user.body as { id: string }).id }
      },
    }
    tests(house, server)
  })
}
