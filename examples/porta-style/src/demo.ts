import { conclude, demoOptions, keepServing, quietLogger } from '@tenantry/demo'
import { findRedis, type PostgresServer, type RedisServer, startPostgres, startRedis } from '@tenantry/servers'
import { openDeployment } from './open-deployment.ts'
import { play } from './play.ts'

const { serve, json } = demoOptions()
const running: { stop(): Promise<void> }[] = []
try {
  const source = await findRedis()
  if ('missing' in source) {
    console.error(`The demo needs Redis. ${source.missing}`)
    process.exitCode = 1
  } else {
    const redis = await startRedis()
    running.push(redis)
    const postgres = await startPostgres()
    running.push(postgres)
    await show(postgres, redis)
  }
} finally {
  for (const one of running.toReversed()) await one.stop()
}

async function show(postgres: PostgresServer, redis: RedisServer): Promise<void> {
  const [data, registry] = [await postgres.freshDatabase(), await postgres.freshDatabase()]
  const deployment = await openDeployment({ data, registry, redis, logger: quietLogger })
  running.push({ stop: deployment.close })
  const { admin, control, processes } = deployment
  const results = await play(deployment)
  const origin = `http://127.0.0.1:${processes[0].port}`
  const tries = [
    `curl ${origin}/acme/.well-known/openid-configuration`,
    `curl ${origin}/globex/.well-known/openid-configuration`,
    `curl -i ${origin}/api/admin/organizations`,
  ]
  conclude(results, {
    title: 'An OpenID provider for every organization, under one host, in two processes:',
    moral: 'every organization had its own issuer, people and looks, and nobody reached another’s.',
    facts: { postgres: postgres.descriptor.version },
    json,
  })
  if (serve && !json) {
    console.log(`\nThe administrator of ${control.slug} is ${admin.email}, password ${admin.password}`)
    await keepServing(tries)
  }
}
