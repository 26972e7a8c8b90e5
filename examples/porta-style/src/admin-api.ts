import { brandingOf, type ChangeAccess, checkBranding, TenancyError, type Tenant } from '@tenantry/core'
import { systemMiddleware } from '@tenantry/express'
import express, { type Request, type Response, Router } from 'express'
import { adminGuard, adminOf } from './admin-guard.ts'
import type { Directory } from './directory.ts'
import type { Platform } from './platform.ts'
import type { Tokens } from './tokens.ts'

/** Organizations, for administrators. Works outside of every organization; each call is in the audit before it is begun. */
export function adminApi(platform: Platform, people: Directory, tokens: Tokens): Router {
  const { tenancy, store, lifecycle } = platform
  const api = Router()
  // First, so that strangers' bodies are not read.
  api.use(adminGuard(platform, people, tokens))
  api.use(
    systemMiddleware(tenancy, request => ({ actor: adminOf(request), reason: `${request.method} ${request.path}` })),
  )
  api.use(express.json({ limit: '50kb' }))

  async function find({ params: { slug } }: Request<{ slug: string }>): Promise<Tenant> {
    const tenant = await store.find({ kind: 'slug', value: slug.toLowerCase() })
    if (tenant === undefined) throw new TenancyError('TENANT_NOT_FOUND', { key: `slug ${slug}` })
    return tenant
  }
  const show = (response: Response, tenant: Tenant, status = 200) =>
    void response.status(status).set('etag', `"${tenant.version}"`).json(shown(tenant))

  api.get('/organizations', async ({ query: { after, limit = '25' } }, response) => {
    const { tenants, next } = await store.page({
      limit: Number(limit),
      ...(typeof after === 'string' ? { after } : {}),
    })
    response.json({ organizations: tenants.map(shown), ...(next === undefined ? {} : { next }) })
  })
  // Only what may be said of an organization is taken: nobody makes a second control organization over the API.
  api.post('/organizations', async (request, response) => {
    const { slug, name, branding, ...rest } = request.body ?? {}
    const [unknown] = Object.keys(rest)
    if (unknown !== undefined) throw new TenancyError('INPUT_INVALID', { field: unknown, rule: 'is not taken' })
    const settings = branding === undefined ? {} : { branding: { ...checkBranding(branding) } }
    show(response, await lifecycle.create({ slug, name, settings }, accessOf(request)), 201)
  })
  api.get('/organizations/:slug', async (request, response) => show(response, await find(request)))
  api.get('/organizations/:slug/branding', async (request, response) => {
    response.json(brandingOf(await find(request)))
  })
  api.put('/organizations/:slug/branding', async (request, response) => {
    const { id, settings, version } = await find(request)
    const next = { ...settings, branding: { ...checkBranding(request.body) } }
    show(response, await lifecycle.setSettings(id, next, { expected: version, ...accessOf(request) }))
  })

  const changes = { suspend: lifecycle.suspend, activate: lifecycle.resume, archive: lifecycle.archive }
  for (const [name, change] of Object.entries(changes)) {
    api.post(`/organizations/:slug/${name}`, async (request: Request<{ slug: string }>, response) => {
      show(response, await change((await find(request)).id, accessOf(request)))
    })
  }
  api.get('/organizations/:slug/history', async (request, response) => {
    const operations = await lifecycle.history((await find(request)).id)
    response.json(operations.map(({ kind, state, actor, reason }) => ({ kind, state, actor, reason })))
  })
  api.delete('/organizations/:slug', async (request, response) => {
    const { id } = await find(request)
    if (request.query['dry-run'] === 'true') return void response.json(await lifecycle.preview(id))
    response.json(await lifecycle.destroy(id, { ...accessOf(request), confirm: String(request.body?.confirm) }))
  })

  api.post('/organizations/:slug/users', async (request, response) => {
    response.status(201).json(await tenancy.run(await find(request), () => people.addUser(request.body ?? {})))
  })
  api.post('/organizations/:slug/clients', async (request, response) => {
    response.status(201).json(await tenancy.run(await find(request), () => people.addClient(request.body ?? {})))
  })
  api.put('/organizations/:slug/users/:user/roles/:application/:role', async (request, response) => {
    const { user, application, role } = request.params
    await tenancy.run(await find(request), () => people.addRole(user, application, role))
    response.json({ user, application, role })
  })
  api.put('/organizations/:slug/users/:user/claims/:claim', async (request, response) => {
    const { user, claim } = request.params
    const { value } = request.body ?? {}
    await tenancy.run(await find(request), () => people.setClaim(user, claim, value))
    response.json({ user, claim, value })
  })
  return api
}

/** `If-Match` is the version that the caller has seen, RFC 9110 section 13.1.1; `Idempotency-Key` as everywhere. */
function accessOf(request: Request<{ slug?: string }>): ChangeAccess {
  const [match, key, reason] = ['if-match', 'idempotency-key', 'x-reason'].map(name => request.get(name))
  const [, version] = /^"(\d{1,15})"$/.exec(match ?? '') ?? []
  if (match !== undefined && version === undefined) {
    throw new TenancyError('REQUEST_INVALID', { field: 'If-Match', rule: 'must be one strong entity tag' })
  }
  if (key !== undefined && !/^[\x21-\x7e]{1,200}$/.test(key)) {
    throw new TenancyError('REQUEST_INVALID', { field: 'Idempotency-Key', rule: 'must be 1–200 visible characters' })
  }
  return {
    actor: adminOf(request as Request),
    ...(version === undefined ? {} : { expected: Number(version) }),
    ...(key === undefined ? {} : { key }),
    ...(reason === undefined ? {} : { reason: reason.slice(0, 1000) }),
  }
}

function shown({ id, slug, name, status, isControl, version }: Tenant) {
  return { id, slug, name, status, isControl, version }
}
