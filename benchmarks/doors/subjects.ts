import { createServer, type Server } from 'node:http'
import { cachedRegistry, createTenancy, host, memoryRegistry } from '@tenantry/core'
import { tenantMiddleware } from '@tenantry/express'
import { tenantPlugin } from '@tenantry/fastify'
import { jwt } from '@tenantry/identity'
import express, { type RequestHandler } from 'express'
import { fastify } from 'fastify'
import { jwtVerify } from 'jose'
import { audience, type Issued, issuer } from './tokens.ts'

// Servers that answer the same few bytes, with Tenantry in front of the handler and without.

const tenants = 1_000
const stored = memoryRegistry(
  Array.from({ length: tenants }, (_, n) => ({ id: `tenant-${n}`, slug: `tenant-${n}`, name: `T${n}` })),
)
const registry = cachedRegistry(stored)
const byHost = createTenancy({ registry, resolvers: [host({ baseDomains: ['example.com'] })] })
const answer = { ok: true }

function onExpress(...handlers: RequestHandler[]): Server {
  const app = express()
  for (const handler of handlers) app.use(handler)
  app.get('/notes', (_request, response) => void response.json(answer))
  return createServer(app)
}

async function onFastify(behindDoor: boolean): Promise<Server> {
  const app = fastify()
  if (behindDoor) await app.register(tenantPlugin, { tenancy: byHost })
  app.get('/notes', () => answer)
  await app.ready()
  return app.server
}

/** What an application does that checks its tokens itself, and trusts the claim. */
function checkedByHand({ jwks, findKey }: Issued): RequestHandler {
  const known = new Set(jwks.keys.map(({ kid }) => kid))
  return async (request, _response, next) => {
    const token = /^Bearer (\S+)$/.exec(request.headers.authorization ?? '')?.[1] ?? ''
    const { payload, protectedHeader } = await jwtVerify(token, findKey, { issuer, audience, algorithms: ['ES256'] })
    if (!known.has(protectedHeader.kid)) throw new Error('another key')
    Object.assign(request, { tenantId: payload.tenant_id })
    next()
  }
}

function byToken({ jwks }: Issued): RequestHandler {
  const issuers = [{ issuer, audience, algorithms: ['ES256' as const], keys: { jwks }, tenants: 'all' as const }]
  return tenantMiddleware(createTenancy({ registry, resolvers: [jwt({ issuers })] }))
}

/** Makers of servers that do not listen yet. */
export const subjects = {
  express: async () => onExpress(),
  'express, by host': async () => onExpress(tenantMiddleware(byHost)),
  fastify: () => onFastify(false),
  'fastify, by host': () => onFastify(true),
  'express, jose by hand': async (issued: Issued) => onExpress(checkedByHand(issued)),
  'express, by token': async (issued: Issued) => onExpress(byToken(issued)),
} as const

export type SubjectName = keyof typeof subjects
export const subjectNames = Object.keys(subjects) as SubjectName[]
