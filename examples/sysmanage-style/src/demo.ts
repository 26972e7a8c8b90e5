import { conclude, demoOptions, keepServing, listen } from '@tenantry/demo'
import { secretReferences } from '@tenantry/pg-database'
import { type PostgresServer, startPostgres } from '@tenantry/servers'
import { deploy } from './deployment.ts'
import { memoryLogger } from './memory-logger.ts'
import { openService } from './open-service.ts'
import { play } from './play.ts'

const { serve, json } = demoOptions()
const servers: PostgresServer[] = []
try {
  for (const _ of ['bootstrap', 'eu', 'us']) servers.push(await startPostgres())
  const [bootstrap, eu, us] = servers as [PostgresServer, PostgresServer, PostgresServer]
  const deployment = await deploy(bootstrap, { eu, us })
  const { logger, records } = memoryLogger()
  const { settings, env } = deployment
  const service = await openService({ settings, secrets: secretReferences(env), logger })
  const { port, close } = await listen(service.app)

  const results = await play({ port, service, deployment, records })
  const metrics = service.databases?.metrics()
  const issuer = settings.vault === undefined ? 'postgresLeases' : 'openbaoLeases'
  const { connections, leases } = metrics ?? {}
  conclude(results, {
    title: 'One registry, two servers of tenants, a database and a login for each of them:',
    moral: `every agent’s data went to its own tenant’s database, and nobody reached another one.
Connections: ${connections?.opened} opened, ${connections?.total} now, at most ${connections?.max}; ${connections?.hits} hits, ${connections?.misses} misses, ${connections?.evicted} evicted.
Leases of ${issuer}: ${leases?.issued} issued, ${leases?.renewed} renewed, ${leases?.revoked} revoked; ${leases?.revocationsFailed} failures.`,
    facts: { postgres: bootstrap.descriptor.version, issuer, metrics },
    json,
  })
  if (serve && !json)
    await keepServing([
      `curl -H 'Authorization: Bearer ${env.OPERATOR_KEY}' http://127.0.0.1:${port}/operator/tenants`,
      `curl -H 'Authorization: Bearer ${env.OPERATOR_KEY}' -H 'content-type: application/json' -d '{"slug":"hooli","name":"Hooli","region":"us"}' http://127.0.0.1:${port}/operator/tenants`,
      `curl -H 'Authorization: Bearer ${env.OPERATOR_KEY}' -H 'content-type: application/json' -d '{"label":"rollout"}' http://127.0.0.1:${port}/operator/tenants/hooli/tokens`,
      `curl -H 'Authorization: Bearer enrol_…' -H 'content-type: application/json' -d '{"hostname":"web-1","platform":"debian-13"}' http://127.0.0.1:${port}/agents`,
    ])
  await close()
  await service.close()
} finally {
  for (const server of servers.toReversed()) await server.stop()
}
