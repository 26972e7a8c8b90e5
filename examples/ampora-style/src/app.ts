import { publicBranding, tenancyErrorOf } from '@tenantry/core'
import { problemHandler, tenantMiddleware } from '@tenantry/express'
import { issueHandler, nodeHandler } from '@tenantry/identity'
import express, { type ErrorRequestHandler, type Express } from 'express'
import { agentApi, enrolRoute } from './agent-api.ts'
import { controlApi } from './control-api.ts'
import { ownRegion } from './own-region.ts'
import { consolePage, consoleScript, loginWall } from './pages.ts'
import type { Platform } from './platform.ts'

/** What the server is told. */
export interface AppOptions {
  readonly platform: Platform
  /** Where other regions are served (A47). */
  readonly otherRegions?: Readonly<Record<string, string>>
  readonly log: (error: unknown) => void
}

/** Ampora: a login wall for each tenant, an API for people, another for agents, and two routes that need no tenant. */
export function createApp({ platform, otherRegions = {}, log }: AppOptions): Express {
  const { tenancy, cache, login, enrolment, region } = platform
  const app = express()
  app.disable('x-powered-by')

  app.get('/t/:slug/login', async ({ params: { slug } }, response) => {
    loginWall(response, await publicBranding(cache, { kind: 'slug', value: slug }), slug)
  })
  app.get('/t/:slug/sign-in', nodeHandler(login.start))
  app.get('/auth/callback', nodeHandler(login.callback))
  app.get('/t/:slug/console', async ({ params: { slug } }, response) => {
    consolePage(response, await publicBranding(cache, { kind: 'slug', value: slug }))
  })
  app.get('/console.js', (_request, response) => void response.type('text/javascript').send(consoleScript))

  app.post('/v1/pools/:id/tokens', nodeHandler(issueHandler(enrolment)))
  app.use(enrolRoute(platform))

  const inTenant = [tenantMiddleware(tenancy), ownRegion(region, otherRegions)]
  app.use('/api', ...inTenant, controlApi(platform))
  app.use('/agent', ...inTenant, agentApi(platform))

  app.use((_request, response) => void response.status(404).json({ title: 'Not found.' }))
  app.use(problemHandler({ logger: { debug: log, info: log, warn: log, error: log } }))
  app.use(refusedByDatabase)
  return app
}

const states: Readonly<Record<string, readonly [number, string]>> = {
  '23505': [409, 'There is one already.'],
  '23503': [409, 'It does not belong together.'],
  '22P02': [400, 'It is not valid.'],
}

/** What the database refuses: a key that is taken, or one that leads to nothing of this tenant. */
const refusedByDatabase: ErrorRequestHandler = (error, _request, response, next) => {
  const [status, title] = states[String(error?.code)] ?? []
  if (status === undefined || tenancyErrorOf(error) !== undefined) return next(error)
  response.status(status).json({ title, code: error.code })
}
