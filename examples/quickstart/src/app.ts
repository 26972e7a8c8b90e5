import { createTenancy, host, type Logger, path, type TenantRegistry } from '@tenantry/core'
import { problemHandler, tenantMiddleware } from '@tenantry/express'
import { pgRls } from '@tenantry/pg-rls'
import express, { type ErrorRequestHandler, type Express, Router } from 'express'
import { type Generated, Kysely, PostgresDialect } from 'kysely'
import type pg from 'pg'

interface Database {
  notes: { id: Generated<number>; tenant_id: Generated<string>; text: string }
}

/** What the notes service needs from outside. */
export interface AppOptions {
  /** Connects as the runtime role. */
  readonly pool: pg.Pool
  readonly registry: TenantRegistry
  readonly logger: Logger
  /** Told of every query that Kysely sends. */
  readonly onQuery?: () => void
}

/**
 * A notes service for many tenants. `acme.notes.localhost/notes` and `notes.localhost/t/acme/notes` are the same notes. Look
 * for a `where tenant_id = …` in it: there is none to forget.
 */
export async function createApp({ pool, registry, logger, onQuery }: AppOptions): Promise<Express> {
  const tenancy = createTenancy({
    registry,
    resolvers: [host({ baseDomains: ['notes.localhost'] }), path({ prefix: '/t' })],
    logger,
  })
  const isolation = pgRls({ pool, logger })
  await isolation.ready()
  const db = new Kysely<Database>({
    dialect: new PostgresDialect({ pool: tenancy.handle(isolation) }),
    log: () => onQuery?.(),
  })

  const notes = Router()
  notes.get('/notes', async (_req, res) => {
    res.json(await db.selectFrom('notes').select(['id', 'text']).orderBy('id').execute())
  })
  notes.get('/notes/:id', async (req, res) => {
    const id = Number(req.params.id)
    const note = await db.selectFrom('notes').select(['id', 'text']).where('id', '=', id).executeTakeFirst()
    if (note === undefined) res.status(404).json({ title: 'No such note.' })
    else res.json(note)
  })
  // Careless on purpose: whatever the body says is written.
  notes.post('/notes', async (req, res) => {
    res
      .status(201)
      .json(await db.insertInto('notes').values(req.body).returning(['id', 'text']).executeTakeFirstOrThrow())
  })
  notes.delete('/notes', async (_req, res) => {
    const { numDeletedRows } = await db.deleteFrom('notes').executeTakeFirstOrThrow()
    res.json({ deleted: Number(numDeletedRows) })
  })

  const app = express()
  app.disable('x-powered-by')
  app.use(tenantMiddleware(tenancy))
  app.use(express.json())
  app.use(notes)
  app.use('/t/:slug', notes)
  app.use(problemHandler())
  app.use(refusedByDatabase)
  return app
}

/** 42501, insufficient_privilege: row-level security refused to write a row of another tenant. */
const refusedByDatabase: ErrorRequestHandler = (error, _req, res, next) => {
  if (error?.code === '42501') res.status(403).json({ title: 'Not yours.', code: '42501' })
  else next(error)
}
