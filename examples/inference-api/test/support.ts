import { type Answer, send } from '@tenantry/demo'
import { findRedis, type RedisServer, startRedis } from '@tenantry/servers'
import { describeMongo, type MongoForTests } from '@tenantry/servers/vitest'
import { afterAll, beforeAll, describe, onTestFinished } from 'vitest'
import { type App, type AppOptions, openApp } from '../src/app.ts'
import { type Deployment, deploy } from '../src/deployment.ts'
import { type LocalProvider, startProvider } from '../src/local-provider.ts'
import { type LogRecord, memoryLogger } from '../src/memory-logger.ts'
import { type TokenSigner, tokenSigner } from '../src/token-signer.ts'

export type Headers = Readonly<Record<string, string>>
type Config = Readonly<Record<string, unknown>>

/** The servers of a suite; the second Redis is initech's own. */
export interface House {
  readonly mongo: MongoForTests
  readonly redis: readonly [RedisServer, RedisServer]
  readonly signer: TokenSigner
  readonly provider: LocalProvider
}

/** The API, listening, until the test has ended. */
export interface Running {
  readonly app: App
  readonly deployment: Deployment
  readonly records: readonly LogRecord[]
  send(method: string, path: string, headers?: Headers, body?: unknown): Promise<Answer>
  /** A new key of the tenant, as a header; and its id. */
  key(tenantId: string): Promise<{ readonly id: string; readonly headers: Headers }>
  operator: Headers
}

const redisSource = await findRedis()

/** A `describe` with a MongoDB, or what speaks like one, and two Redis servers. Skipped, and its name says why, where there are none. */
export function describeStores(name: string, tests: (house: House) => void): void {
  if ('missing' in redisSource) {
    if (process.env.TENANTRY_REQUIRE_REDIS === '1') throw new Error(redisSource.missing)
    process.stderr.write(`tenantry: "${name}" is SKIPPED. ${redisSource.missing}\n`)
    describe.skip(`${name} [skipped: ${redisSource.missing}]`, () => tests({} as House))
    return
  }
  describeMongo(name, mongo => {
    const servers: RedisServer[] = []
    let signer: TokenSigner | undefined
    let provider: LocalProvider | undefined
    beforeAll(async () => {
      for (const _ of ['first', 'second']) servers.push(await startRedis())
      signer = await tokenSigner()
      provider = await startProvider()
    })
    afterAll(async () => {
      await provider?.close()
      for (const server of servers.splice(0)) await server.stop()
    })
    tests({
      mongo,
      get redis() {
        return servers as unknown as House['redis']
      },
      get signer() {
        if (signer === undefined) throw new Error('There is a signer in hooks and tests only.')
        return signer
      },
      get provider() {
        if (provider === undefined) throw new Error('There is a provider in hooks and tests only.')
        return provider
      },
    })
  })
}

let runs = 0

/** Opens the API for tenants whose names in the stores are of this test only. */
export async function run(
  house: House,
  change: (tenants: Config[]) => readonly Config[] = tenants => tenants,
  options: Partial<AppOptions> = {},
): Promise<Running> {
  const { mongo, redis, signer, provider } = house
  const { logger, records } = memoryLogger()
  const plan = deploy({
    mongo: { url: mongo.url, prefix: `${mongo.prefix}${++runs}_` },
    redis,
    issuer: provider.issuerOf('initech'),
  })
  const deployment = { ...plan, TENANT_CONFIGS: JSON.stringify(change(JSON.parse(plan.TENANT_CONFIGS))) }
  const env = { ...deployment, ...options.env }
  const transactions = mongo.hasTransactions
  const app = await openApp({ issuers: [signer.issuer], transactions, logger, ...options, env })
  onTestFinished(app.close)
  const { port } = new URL(await app.server.listen({ host: '127.0.0.1', port: 0 }))
  const operator = { 'x-operator-key': deployment.OPERATOR_KEY }
  const running: Running = {
    ...{ app, deployment, records, operator },
    send: (method, path, headers = {}, body) =>
      send(Number(port), { method, host: 'api.platform.example', path, headers, body }),
    async key(tenant_id) {
      const { body } = await running.send('POST', '/v1/api-keys', operator, { tenant_id })
      const { id, key } = body as { id: string; key: string }
      return { id, headers: { 'x-api-key': key } }
    },
  }
  return running
}

export const some = '/v1/some-endpoint'
export const bearer = async ({ signer }: House, tenant: string, lifetime?: number): Promise<Headers> => ({
  authorization: `Bearer ${await signer.sign(tenant, lifetime)}`,
})
/** The code of a problem, with its status. */
export const problemIn = ({ status, body }: Answer): string => `${status} ${(body as { code?: string }).code}`
