import { memoryRegistry } from '@tenantry/core'
import { conclude, demoOptions, keepServing, listen, openStage, quietLogger } from '@tenantry/demo'
import { startPostgres } from '@tenantry/servers'
import { Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'
import { createApp } from './app.ts'
import { countWrites } from './count-writes.ts'
import { migrate } from './migrate.ts'
import { attacks, describeAnswer, visits } from './scenario.ts'

const { serve, json } = demoOptions()
const server = await startPostgres()
try {
  const database = await server.freshDatabase()
  const owner = new Kysely<unknown>({
    dialect: new PostgresDialect({ pool: new pg.Pool({ connectionString: database.ownerUrl }) }),
  })
  await migrate(owner, database.runtimeRole)
  await owner.destroy()

  const registry = memoryRegistry([
    { slug: 'acme', name: 'Acme Corporation' },
    { slug: 'globex', name: 'Globex Inc' },
    { slug: 'initech', name: 'Initech' },
  ])
  const pool = new pg.Pool({ connectionString: database.runtimeUrl, max: 4 })
  const wire = countWrites(pool)
  let queries = 0
  const app = await createApp({ pool, registry, logger: quietLogger, onQuery: () => queries++ })
  wire.reset()
  const { port, close } = await listen(app)

  const stage = openStage(describeAnswer)
  let globexNote: number | undefined
  for (const scene of visits) {
    const { body } = await stage.play(port, scene)
    if (scene.who === 'globex') globexNote ??= (body as { id?: number }).id
  }
  const globex = await registry.find({ kind: 'slug', value: 'globex' })
  const initech = await registry.find({ kind: 'slug', value: 'initech' })
  if (globex === undefined || initech === undefined) throw new Error('The demo lost its tenants.')
  registry.update(initech.id, { status: 'suspended' })
  for (const scene of attacks(globex.id, globexNote ?? 0)) await stage.play(port, scene)
  registry.update(initech.id, { status: 'active' })

  const roundTrips = wire.writes()
  conclude(stage.results, {
    title: 'One Express app, one table, three tenants:',
    moral: `everyone saw their own rows and nobody else’s; every attack was refused.\n${queries} queries took ${roundTrips} round trips to Postgres.`,
    facts: { postgres: server.descriptor.version, queries, roundTrips },
    json,
  })
  if (serve && !json)
    await keepServing([
      `curl -H 'Host: globex.notes.localhost' http://127.0.0.1:${port}/notes`,
      `curl -H 'Host: notes.localhost' http://127.0.0.1:${port}/t/initech/notes`,
      `curl -H 'Host: acme.notes.localhost' -H 'content-type: application/json' -d '{"text":"hello"}' http://127.0.0.1:${port}/notes`,
      `curl -H 'Host: acme.notes.localhost' http://127.0.0.1:${port}/t/globex/notes`,
    ])
  await close()
  await pool.end()
} finally {
  await server.stop()
}
