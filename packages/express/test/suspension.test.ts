import { cachedRegistry, memoryRegistry } from '@tenantry/core'
import { problemHandler } from '@tenantry/express'
import { expect, it } from 'vitest'
import { makeTenancy, serve, silent } from './support.ts'

it('E14 C19 a request whose tenant is suspended is refused when its time is over, if no answer has begun', async () => {
  const store = memoryRegistry([{ id: 't1', slug: 't1', name: 'T1' }])
  const registry = cachedRegistry(store, { logger: silent })
  const seen: unknown[] = []
  const { ask } = await serve(
    (app, tenancy) => {
      app.get('/', async (_request, response) => {
        response.on('close', () => seen.push(tenancy.maybeCurrent()?.id))
        const { id, version } = store.update('t1', { status: 'suspended' })
        await registry.announce({ id, version, keys: [] })
        // Never answered.
      })
      app.use(problemHandler({ logger: silent }))
    },
    makeTenancy({ registry, drain: 20 }),
  )
  const { status, text } = await ask('t1')
  expect([status, JSON.parse(text).code]).toEqual([403, 'TENANT_SUSPENDED'])
  await expect.poll(() => seen).toEqual(['t1'])
})
