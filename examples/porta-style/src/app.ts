import { tenancyErrorOf } from '@tenantry/core'
import { problemHandler, tenantMiddleware } from '@tenantry/express'
import express, { type ErrorRequestHandler, type Express, Router } from 'express'
import { adminApi } from './admin-api.ts'
import { directory } from './directory.ts'
import { oidcRoutes } from './oidc-routes.ts'
import type { Platform } from './platform.ts'
import { failurePages, refusalPages } from './refusal-pages.ts'
import { tokens as tokensOf } from './tokens.ts'

/** What the server is told. */
export interface AppOptions {
  readonly platform: Platform
  /** What issuers begin with, such as `https://auth.example.com`: never taken from a request. */
  readonly base: string
  /** Told of what breaks in a page. */
  readonly log: (error: unknown) => void
}

/** Porta: `/{slug}/…` is an OpenID provider for each organization, `/api/admin/…` is for the administrators of all. */
export function createApp({ platform, base, log }: AppOptions): Express {
  const { tenancy, cache, keys, rows } = platform
  const people = directory(rows)
  const tokens = tokensOf(base, keys, rows, people)

  const organizations = Router()
  organizations.use(refusalPages(tenancy, cache), tenantMiddleware(tenancy))
  organizations.use('/:slug', oidcRoutes({ tenancy, people, keys, tokens }))

  const app = express()
  app.disable('x-powered-by')
  // Here and not behind: `api` is nobody's slug.
  app.use('/api/admin', adminApi(platform, people, tokens))
  app.use(organizations)
  app.use((_request, response) => void response.status(404).json({ title: 'Not found.' }))
  app.use(failurePages(cache, log))
  app.use(problemHandler({ logger: { debug: log, info: log, warn: log, error: log } }))
  app.use(refusedByDatabase)
  return app
}

const states: Readonly<Record<string, readonly [number, string]>> = {
  '23505': [409, 'There is one already.'],
  '23503': [409, 'It does not belong together.'],
  '23514': [400, 'It is not valid.'],
  '22P02': [400, 'It is not valid.'],
  '42501': [403, 'Not yours.'],
}

/** What the database refuses: a key that is taken, or one that leads to nobody of this organization. */
const refusedByDatabase: ErrorRequestHandler = (error, _request, response, next) => {
  const [status, title] = states[String(error?.code)] ?? []
  if (status === undefined || tenancyErrorOf(error) !== undefined) return next(error)
  response.status(status).json({ title, code: error.code })
}
