import { randomBytes } from 'node:crypto'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { conclude, demoOptions, keepServing, listen, openStage, quietLogger } from '@tenantry/demo'
import { startPostgres } from '@tenantry/servers'
import pg from 'pg'
import { createApp } from './app.ts'
import { describeAnswer, scenes, withoutApi } from './scenario.ts'
import { grantPublic } from './set-up.ts'
import { readSettings } from './settings.ts'

const { serve, json } = demoOptions()
const server = await startPostgres()
const media = await mkdtemp(join(tmpdir(), 'tenantry-media-'))
try {
  const database = await server.freshDatabase()
  const owner = new pg.Pool({ connectionString: database.ownerUrl, max: 1 })
  await owner.query(grantPublic(database.provisionerRole))

  const key = randomBytes(24).toString('base64url')
  const pool = new pg.Pool({ connectionString: database.runtimeUrl, max: 4 })
  const provisioner = new pg.Pool({ connectionString: database.provisionerUrl, max: 4 })
  const options = { pool, provisioner, media, rolePrefix: `${database.name}_`, logger: quietLogger }
  const settings = readSettings({ TENANTS_ENABLED: 'true', TENANTS_API_KEY: key })
  const first = await listen(await createApp({ ...options, settings }))
  const stage = openStage(describeAnswer)
  for (const scene of scenes(key)) await stage.play(first.port, scene)
  const second = await listen(await createApp({ ...options, settings: readSettings({ TENANTS_API_KEY: key }) }))
  for (const scene of withoutApi(key)) await stage.play(second.port, scene)

  const { rows } = await owner.query<{ name: string }>(
    `select nspname as name from pg_namespace where nspname !~ '^pg_' and nspname <> 'information_schema' order by 1`,
  )
  const schemas = rows.map(({ name }) => name)
  const folders = (await readdir(media)).toSorted()
  conclude(stage.results, {
    title: 'One Express app, a schema for every tenant:',
    moral: `every domain saw its own tenant, every other host the default one, and nobody anybody else’s.\nSchemas: ${schemas.join(', ')}. Folders: ${folders.join(', ')}.`,
    facts: { postgres: server.descriptor.version, schemas, folders },
    json,
  })
  if (serve && !json)
    await keepServing([
      `curl -H 'Host: example.org' http://127.0.0.1:${first.port}/notes`,
      `curl -H 'Host: subdomain.example.org' http://127.0.0.1:${first.port}/notes`,
      `curl -H 'Authorization: Bearer ${key}' http://127.0.0.1:${first.port}/tenancy/tenants`,
      `curl -H 'Authorization: Bearer ${key}' -H 'content-type: application/json' -d '{"name":"Acme","schema_name":"t_acme"}' http://127.0.0.1:${first.port}/tenancy/tenants`,
      `curl -H 'Authorization: Bearer ${key}' -X PUT http://127.0.0.1:${first.port}/tenancy/tenants/t_acme/domains/acme.example`,
    ])
  for (const { close } of [second, first]) await close()
  // A connection that is being closed may be cut by the end of the server.
  for (const each of [pool, provisioner, owner]) each.on('error', () => undefined)
  for (const each of [pool, provisioner, owner]) await each.end()
} finally {
  await server.stop()
  await rm(media, { recursive: true, force: true })
}
