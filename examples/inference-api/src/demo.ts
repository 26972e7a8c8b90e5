import { conclude, demoOptions, keepServing } from '@tenantry/demo'
import { findRedis, type MongoServer, type RedisServer, startMongo, startRedis } from '@tenantry/servers'
import { openApp } from './app.ts'
import { deploy } from './deployment.ts'
import { startProvider } from './local-provider.ts'
import { memoryLogger } from './memory-logger.ts'
import { play } from './play.ts'
import { tokenSigner } from './token-signer.ts'

const { serve, json } = demoOptions()
const running: { stop(): Promise<void> }[] = []
try {
  const servers = await startServers()
  if (servers !== undefined) await show(servers)
} finally {
  for (const one of running.toReversed()) await one.stop()
}

/** Says what to install where a server cannot be had. */
async function startServers(): Promise<{ mongo: MongoServer; redis: [RedisServer, RedisServer] } | undefined> {
  const source = await findRedis()
  if ('missing' in source) return give(`The demo needs Redis. ${source.missing}`)
  let mongo: MongoServer
  try {
    mongo = await startMongo()
  } catch (error) {
    return give(`The demo needs MongoDB, or what speaks like one. ${(error as Error).message}`)
  }
  running.push(mongo)
  const [first, second] = [await start(), await start()]
  return { mongo, redis: [first, second] }

  async function start(): Promise<RedisServer> {
    const server = await startRedis()
    running.push(server)
    return server
  }
  function give(up: string): undefined {
    console.error(up)
    process.exitCode = 1
  }
}

async function show({ mongo, redis }: { mongo: MongoServer; redis: [RedisServer, RedisServer] }): Promise<void> {
  const provider = await startProvider()
  running.push({ stop: provider.close })
  const deployment = deploy({ mongo, redis, issuer: provider.issuerOf('initech') })
  const signer = await tokenSigner()
  const { logger, records } = memoryLogger()
  const options = { env: deployment, issuers: [signer.issuer], transactions: mongo.hasTransactions, limit: 3, logger }
  const app = await openApp(options)
  running.push({ stop: app.close })
  const { port } = new URL(await app.server.listen({ host: '127.0.0.1', port: 0 }))
  const results = await play({
    ...{ port: Number(port), deployment, signer, records },
    stopSecondRedis: redis[1].stop,
  })
  const api = `http://127.0.0.1:${port}`
  const operator = `-H 'x-operator-key: ${serve ? deployment.OPERATOR_KEY : '…'}'`
  const tries = [
    `curl -X POST ${api}/v1/api-keys ${operator} -H 'content-type: application/json' -d '{"tenant_id":"acme_corp"}'`,
    `curl -X GET ${api}/v1/some-endpoint -H 'x-api-key: acme_corp_sk_…'`,
    `curl -i -X POST ${api}/v1/auth/oidc/login -H 'content-type: application/json' -d '{"tenant_id":"initech"}'`,
    `curl ${api}/health ${operator}`,
  ]
  conclude(results, {
    title: `Three tenants, each with a MongoDB database and a Redis database of its own, on ${mongo.label} and two Redis servers:`,
    moral: `each tenant saw its own, and nobody reached another’s.${serve ? '' : `\nWith --serve it keeps running for these:\n\n${tries.map(line => `  ${line}`).join('\n')}`}`,
    facts: { mongo: mongo.label },
    json,
  })
  if (serve && !json) await keepServing(tries)
}
