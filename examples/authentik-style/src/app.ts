import { createTenancy, host } from '@tenantry/core'
import { problemHandler, tenantMiddleware } from '@tenantry/express'
import express, { type Express } from 'express'
import { type Generated, Kysely, PostgresDialect, sql } from 'kysely'
import { notFound } from './not-found.ts'
import { otherErrors } from './other-errors.ts'
import { type Storage, tenantSchemas } from './schemas.ts'
import { setUp } from './set-up.ts'
import type { Settings } from './settings.ts'
import { tenancyApi } from './tenancy-api.ts'
import { tenantFiles } from './tenant-files.ts'
import { tenantRegistry } from './tenant-registry.ts'
import { createTenants } from './tenants.ts'

interface Database {
  notes: { id: Generated<number>; text: string }
  licences: { key: string; seats: number }
}

/** What the application needs from outside. */
export interface AppOptions extends Storage {
  /** The folder in which each tenant has one. */
  readonly media: string
  readonly settings: Settings
}

/**
 * A service for many tenants as authentik is one: a tenant is reached by the domains that it was given, exactly; every other request
 * belongs to the default tenant.
 */
export async function createApp({ media, settings, ...storage }: AppOptions): Promise<Express> {
  const { pool, provisioner, logger } = storage
  await setUp(storage)
  const registry = tenantRegistry(pool)
  const tenancy = createTenancy({ registry, resolvers: [host()], onUnresolved: 'default', logger })
  const schemas = tenantSchemas(storage)
  await schemas.ready()
  const folders = await tenantFiles(media)
  const tenants = createTenants({ provisioner, registry, stores: [folders, schemas] })
  await tenants.ensureDefault()

  const db = new Kysely<Database>({ dialect: new PostgresDialect({ pool: tenancy.handle(schemas) }) })
  const files = folders.handle(tenancy.current)

  const app = express()
  app.disable('x-powered-by')
  if (settings.enabled) app.use('/tenancy', tenancyApi({ tenancy, tenants, apiKey: settings.apiKey }))
  app.use(tenantMiddleware(tenancy))

  // Careless on purpose: whatever the query says is part of the statement.
  app.get('/notes', async (req, res) => {
    const order = sql.raw(String(req.query.order ?? 'id'))
    res.json((await sql`select id, text from notes order by ${order}`.execute(db)).rows)
  })
  app.post('/notes', express.json(), async (req, res) => {
    const note = db.insertInto('notes').values({ text: String(req.body?.text) })
    res.status(201).json(await note.returning(['id', 'text']).executeTakeFirstOrThrow())
  })

  app.get('/licence', async (_req, res) => {
    const { seats } = await db
      .selectFrom('licences')
      .select(({ fn }) => fn.sum('seats').as('seats'))
      .executeTakeFirstOrThrow()
    res.json({ seats: Number(seats) })
  })
  app.post('/licence', express.json(), async (req, res) => {
    const { key, seats } = req.body ?? {}
    await db.insertInto('licences').values({ key, seats }).execute()
    res.status(201).json({ seats })
  })

  app.get('/files', async (_req, res) => {
    res.json(await files.list())
  })
  app.get('/files/:name', async (req, res) => {
    const bytes = await files.read(req.params.name)
    if (bytes === undefined) res.status(404).json({ title: 'No such file.' })
    else res.type('application/octet-stream').send(bytes)
  })
  app.put('/files/:name', express.raw({ type: () => true, limit: '1mb' }), async (req, res) => {
    await files.write(req.params.name, Buffer.isBuffer(req.body) ? req.body : Buffer.alloc(0))
    res.status(201).json({ file: req.params.name })
  })

  app.use(notFound)
  app.use(problemHandler({ logger }))
  app.use(otherErrors(logger))
  return app
}
