import { createServer } from 'node:http'
import { type AuditLog, createTenancy, type Tenancy } from '@tenantry/core'
import { systemMiddleware } from '@tenantry/express'
import express from 'express'
import { describe, expect, it } from 'vitest'
import { listen, registry, silent } from './support.ts'

const accessOf = ({ method, path }: { method: string; path: string }) => ({ actor: 'ops', reason: `${method} ${path}` })

function serve(audit: AuditLog, tenancy: Tenancy = createTenancy({ registry, logger: silent, audit })) {
  const kept: (() => unknown)[] = []
  const app = express()
  app.use(systemMiddleware(tenancy, accessOf), express.json())
  app.post('/totals', async ({ body }, response) => {
    await new Promise(setImmediate)
    kept.push(tenancy.bind(tenancy.system))
    response.json({ ...tenancy.system(), body })
  })
  app.use(((error, _request, response, _next) => {
    response.status(503).json({ error: String(error), scope: tenancy.maybeCurrent() ?? 'none' })
  }) as express.ErrorRequestHandler)
  return { tenancy, kept, served: listen(createServer(app)) }
}

describe('systemMiddleware', () => {
  it('P5 runs a request in the system scope, written to the audit first, until it is answered', async () => {
    const entries: object[] = []
    const { kept, served } = serve({ audit: async entry => void entries.push(entry) })
    const { ask } = await served
    const headers = { 'content-type': 'application/json' }
    const { status, text } = await ask('example.com', { path: '/totals', body: ['{"a"', ':1}'], headers })
    const access = { actor: 'ops', reason: 'POST /totals' }
    expect([status, JSON.parse(text)]).toEqual([200, { ...access, isAudited: true, body: { a: 1 } }])
    expect(entries).toEqual([{ action: 'system.enter', ...access }])
    await expect.poll(() => code(kept[0])).toBe('SYSTEM_SCOPE_REQUIRED')
  })

  it('P5 a request that cannot be written is not handled', async () => {
    const { kept, served } = serve({ audit: () => Promise.reject(new Error('the disk is full')) })
    const { ask } = await served
    const { status, text } = await ask('example.com', { path: '/totals', method: 'POST' })
    expect([status, JSON.parse(text).error]).toEqual([503, 'Error: the disk is full'])
    expect(kept).toEqual([])
  })
})

function code(fn: (() => unknown) | undefined): unknown {
  try {
    return fn?.()
  } catch (error) {
    return (error as { code?: unknown }).code
  }
}
