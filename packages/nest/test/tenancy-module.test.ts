import { request } from 'node:http'
import { type ArgumentsHost, Catch, Get, HttpException, Post, Req } from '@nestjs/common'
import { APP_FILTER, NestFactory } from '@nestjs/core'
import { createTenancy, host, memoryRegistry, TenancyError } from '@tenantry/core'
import { CurrentTenant, tenancyModule, tenantGuard, WithoutTenant } from '@tenantry/nest'
import type { Response } from 'express'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { controllerWith, moduleOf } from './support.ts'

const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }
const registry = memoryRegistry([
  ...['t1', 't2'].map(slug => ({ id: slug, slug, name: slug })),
  { id: 'held', slug: 'held', name: 'Held', status: 'suspended' as const },
])
const resolvers = [host({ baseDomains: ['example.com'] })]
const tenancy = createTenancy({ registry, resolvers, logger: silent })
type Options = Parameters<typeof tenancyModule>[0]

async function serve(
  controllers: (new () => object)[],
  options: Partial<Options> = {},
  ...providers: Parameters<typeof moduleOf>[2] & object
) {
  const root = moduleOf([tenancyModule({ tenancy, logger: silent, ...options })], controllers, providers)
  const app = await NestFactory.create(root, { logger: false, abortOnError: false })
  await app.listen(0, '127.0.0.1')
  onTestFinished(() => app.close())
  const { port } = app.getHttpServer().address()
  return async (slug: string, path: string, body?: string) =>
    new Promise<{ status: number; text: string; type: string | undefined }>((resolve, reject) => {
      const headers = {
        host: `${slug}.example.com`,
        connection: 'close',
        ...(body === undefined ? {} : { 'content-type': 'application/json', 'content-length': body.length }),
      }
      const method = body === undefined ? 'GET' : 'POST'
      const outgoing = request({ host: '127.0.0.1', port, path, method, headers }, async response => {
        const text = (await response.setEncoding('utf8').toArray()).join('')
        resolve({ status: response.statusCode ?? 0, text, type: response.headers['content-type'] })
      })
      outgoing.on('error', reject).end(body)
    })
}

const parameter = (decorate: ParameterDecorator, at: number) => (target: object, name: string) =>
  decorate(target, name, at)

describe('tenancyModule', () => {
  it('P2 runs handlers as their tenant, which they get by @CurrentTenant()', async () => {
    const handle = async (tenant: { id: string }, { body }: { body: unknown }) => {
      await new Promise(setImmediate)
      return { given: tenant.id, current: tenancy.current().id, body }
    }
    const decorators = [Post(), parameter(CurrentTenant(), 0), parameter(Req(), 1)]
    const ask = await serve([controllerWith('notes', handle, ...decorators)])
    const answers = await Promise.all(['t1', 't2'].map(slug => ask(slug, '/notes', `{"of":"${slug}"}`)))
    expect(answers.map(({ text }) => JSON.parse(text))).toEqual(
      ['t1', 't2'].map(id => ({ given: id, current: id, body: { of: id } })),
    )
  })

  it('P12 refuses before a body is parsed, and before any handler', async () => {
    const reached = vi.fn()
    const ask = await serve([controllerWith('notes', reached, Post())])
    for (const [slug, status] of [
      ['held', 403],
      ['nobody', 404],
    ] as const) {
      const answer = await ask(slug, '/notes', '{ malformed')
      expect([answer.status, answer.type]).toEqual([status, 'application/problem+json'])
    }
    expect(reached).not.toHaveBeenCalled()
  })

  it('P12 answers errors of Tenantry, also where they are wrapped; all others are the application’s', async () => {
    const throwing = (path: string, error: unknown) => controllerWith(path, () => Promise.reject(error), Get())
    const thrown = new TenancyError('TENANT_NOT_FOUND', { key: 'CANARY' })
    const ask = await serve([
      throwing('plain', thrown),
      throwing('wrapped', new Error('of a library', { cause: thrown })),
      throwing('teapot', new HttpException('teapot', 418)),
    ])
    for (const path of ['/plain', '/wrapped']) {
      const { status, text } = await ask('t1', path)
      expect([status, JSON.parse(text).code]).toEqual([404, 'TENANT_NOT_FOUND'])
      expect(text).not.toContain('CANARY')
    }
    expect((await ask('t1', '/teapot')).status).toBe(418)
  })

  it('P12 answers them beside a filter of the application that catches everything', async () => {
    class Everything {
      catch(_: unknown, context: ArgumentsHost): void {
        context.switchToHttp().getResponse<Response>().status(500).send('mine')
      }
    }
    Catch()(Everything)
    const fail = () => Promise.reject(new TenancyError('TENANT_NOT_FOUND', { key: 'CANARY' }))
    const other = () => Promise.reject(new Error('teapot'))
    const ask = await serve(
      [controllerWith('ours', fail, Get()), controllerWith('other', other, Get())],
      {},
      {
        provide: APP_FILTER,
        useValue: new Everything(),
      },
    )
    expect((await ask('t1', '/other')).text).toBe('mine')
    expect((await ask('t1', '/ours')).text).not.toContain('CANARY')
  })

  it('P1 lets no handler run without a tenant, unless it says that it needs none', async () => {
    const reached = vi.fn(() => 'reached')
    const ask = await serve(
      [
        controllerWith('health', () => tenancy.maybeCurrent()?.id ?? 'none', Get(), WithoutTenant()),
        controllerWith('forgotten', reached, Get()),
      ],
      { except: ({ path }) => path === '/health' || path === '/forgotten' },
    )
    expect(await ask('nobody', '/health')).toMatchObject({ status: 200, text: 'none' })
    const { status, text } = await ask('t1', '/forgotten')
    expect([status, JSON.parse(text).code]).toEqual([500, 'TENANT_CONTEXT_MISSING'])
    expect(reached).not.toHaveBeenCalled()
    // What needs none, but has one, runs as its tenant.
    expect(
      (await (await serve([controllerWith('free', () => tenancy.current().id, Get(), WithoutTenant())]))('t1', '/free'))
        .text,
    ).toBe('t1')
  })

  it('@CurrentTenant() on a route without one fails', async () => {
    const handle = (tenant: unknown) => tenant
    const controllers = [controllerWith('free', handle, Get(), WithoutTenant(), parameter(CurrentTenant(), 0))]
    const ask = await serve(controllers, { except: () => true })
    expect(JSON.parse((await ask('t1', '/free')).text).code).toBe('TENANT_CONTEXT_MISSING')
  })

  it('P1 the guard lets nobody through outside of tenants', () => {
    const context = { getHandler: () => () => undefined, getClass: () => Object }
    const { canActivate } = tenantGuard(tenancy)
    expect(() => canActivate(context as never)).toThrow(expect.objectContaining({ code: 'TENANT_CONTEXT_MISSING' }))
  })

  it('starts on no other platform', async () => {
    const root = moduleOf([tenancyModule({ tenancy })], [])
    const context = NestFactory.createApplicationContext(root, { logger: false, abortOnError: false })
    await expect(context).rejects.toMatchObject({ code: 'ARGUMENT_INVALID' })
  })
})
