import { describe, expect, it } from 'vitest'
import { type AuditEntry, createTenancy, type Match, memoryRegistry, type Resolver } from '../src/index.ts'
import { recorder, refusal, request } from './support.ts'

const registry = memoryRegistry([
  { id: 'acme', slug: 'acme', name: 'Acme' },
  { id: 'beta', slug: 'beta', name: 'Beta' },
  { id: 'home', slug: 'home', name: 'Home', isDefault: true },
])

function source(name: string, id: string, more: Partial<Match> = {}): Resolver {
  return { name, resolve: () => ({ key: { kind: 'id', value: id }, trust: 'verified', ...more }) }
}

function make(resolvers: readonly Resolver[], options: object = {}) {
  const entries: AuditEntry[] = []
  const audit = { audit: async (entry: AuditEntry) => void entries.push(entry) }
  const logger = recorder()
  return { entries, logger, tenancy: createTenancy({ registry, resolvers, logger, audit, ...options }) }
}

const principal = { credential: 'key-7', issuer: 'https://id.test', subject: 'jane', role: 'viewer', scopes: ['read'] }

describe('tenancy.serve', () => {
  it('runs the work as the tenant of the request, and gives what it resolves to', async () => {
    const { tenancy } = make([source('key', 'acme')])
    const served = await tenancy.serve(request(), async tenant => [tenant.id, tenancy.current().id])
    expect(served).toEqual(['acme', 'acme'])
    expect(tenancy.maybeCurrent()).toBeUndefined()
  })

  it('E7 keeps who vouched for the tenant, in the order of the chain; what is merely asserted proves nobody', async () => {
    const { tenancy } = make([
      source('header', 'acme', { trust: 'asserted', principal: { subject: 'mallory' } }),
      source('key', 'acme', { principal }),
    ])
    const evidence = await tenancy.serve(request(), () => tenancy.evidence())
    expect(evidence).toEqual({
      by: 'request',
      sources: [
        { resolver: 'header', trust: 'asserted' },
        { resolver: 'key', trust: 'verified', principal },
      ],
    })
  })

  it('is not changed by whoever made the principal, nor by whoever reads it', async () => {
    const scopes = ['read']
    const mine = { subject: 'jane', scopes }
    const { tenancy } = make([source('key', 'acme', { principal: mine })])
    await tenancy.serve(request(), () => {
      scopes.push('write')
      mine.subject = 'root'
      const evidence = tenancy.evidence()
      if (evidence.by !== 'request') throw new Error(evidence.by)
      const [first] = evidence.sources
      expect(first?.principal).toEqual({ subject: 'jane', scopes: ['read'] })
      expect(Object.isFrozen(first?.principal?.scopes)).toBe(true)
      expect(() => Object.assign(first?.principal ?? {}, { role: 'admin' })).toThrow(TypeError)
      expect(() => (evidence.sources as unknown[]).pop()).toThrow(TypeError)
    })
  })

  it('names no source for the default tenant', async () => {
    const { tenancy } = make([], { onUnresolved: 'default' })
    expect(await tenancy.serve(request(), () => tenancy.evidence())).toEqual({ by: 'request', sources: [] })
  })

  it('does not begin the work of a request that is refused', async () => {
    const { tenancy } = make([])
    let begun = false
    await refusal('TENANT_ABSENT', () =>
      tenancy.serve(request(), () => {
        begun = true
      }),
    )
    expect(begun).toBe(false)
  })

  it('keeps the evidence of the outermost when it is entered again', async () => {
    const { tenancy } = make([source('key', 'acme', { principal })])
    const acme = await tenancy.resolve(request())
    const inner = await tenancy.serve(request(), () => tenancy.run(acme, () => tenancy.evidence()))
    expect(inner.by).toBe('request')
    await tenancy.run(acme, async () => {
      expect(await tenancy.serve(request(), () => tenancy.evidence())).toEqual({ by: 'run' })
    })
  })
})

describe('sources that disagree', () => {
  const both = [source('key', 'acme', { principal }), source('token', 'beta', { principal: { credential: 'jti-1' } })]

  it('E7 C03 are refused, and stand in the audit with their credentials', async () => {
    const { tenancy, entries } = make(both)
    await refusal('TENANT_AMBIGUOUS', () => tenancy.resolve(request()))
    expect(entries).toEqual([
      {
        action: 'request.refused',
        actor: 'a request',
        details: {
          code: 'TENANT_AMBIGUOUS',
          sources: [
            { by: 'key', tenant: 'acme', credential: 'key-7' },
            { by: 'token', tenant: 'beta', credential: 'jti-1' },
          ],
        },
      },
    ])
  })

  it('are refused all the same when the audit cannot be written, and nobody is served', async () => {
    const audit = { audit: () => Promise.reject(new Error('the disk is full')) }
    const { tenancy } = make(both, { audit })
    await expect(tenancy.serve(request(), () => 'served')).rejects.toThrow('the disk is full')
  })

  it('other refusals do not stand there', async () => {
    const { tenancy, entries } = make([source('key', 'nobody')])
    await refusal('TENANT_NOT_FOUND', () => tenancy.resolve(request()))
    expect(entries).toEqual([])
  })

  it('the trace and the log name the credential and no more of whoever calls', async () => {
    const { tenancy, logger } = make(both)
    await refusal('TENANT_AMBIGUOUS', () => tenancy.resolve(request()))
    const text = JSON.stringify(logger.records)
    expect(text).toContain('key-7')
    expect(text).not.toContain('jane')
  })
})
