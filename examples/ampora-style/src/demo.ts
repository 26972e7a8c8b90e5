import { conclude, demoOptions, keepServing, quietLogger } from '@tenantry/demo'
import { type PostgresServer, startPostgres } from '@tenantry/servers'
import { openDeployment } from './open-deployment.ts'
import { play } from './play.ts'

const { serve, json } = demoOptions()
const postgres = await startPostgres()
try {
  await show(postgres)
} finally {
  await postgres.stop()
}

async function show(server: PostgresServer): Promise<void> {
  const [data, registry] = [await server.freshDatabase(), await server.freshDatabase()]
  const deployment = await openDeployment({ data, registry, logger: quietLogger })
  try {
    const { results, letter, onboarding } = await play(deployment)
    conclude(results, {
      title: 'A second tenant on one control plane, by the five steps of the tutorial:',
      moral: 'everybody was in their own tenant, with the role of their groups, and nobody reached another’s.',
      facts: { postgres: server.descriptor.version, onboarding: Math.round(onboarding) },
      json,
    })
    if (json) return
    console.log(`\nThe welcome packet of acme-eu, without its token:\n\n${letter.replace(/^/gm, '  ')}`)
    console.log(
      `\nFrom nothing to the tenant's first agent: ${(onboarding / 1000).toFixed(1)} s, where people take 20 minutes.`,
    )
    const { base } = deployment
    if (serve)
      await keepServing([`${base}/t/acme-eu/login in a browser, as ada, otto or vera`, `curl -i ${base}/api/me`])
  } finally {
    await deployment.close()
  }
}
