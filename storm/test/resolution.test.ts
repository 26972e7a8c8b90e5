import type { Grant, Match, Resolver } from '@tenantry/core'
import { describe, expect, it } from 'vitest'
import { fuzzResolution } from '../src/resolution/fuzz.ts'

/** A resolver whose answers are changed. */
const changed =
  (header: string, change: (answer: Match | Grant | undefined) => Match | Grant | undefined) =>
  (resolver: Resolver, name: string): Resolver =>
    name !== header ? resolver : { ...resolver, resolve: async request => change(await resolver.resolve(request)) }

const broken: Readonly<Record<string, (resolver: Resolver, name: string) => Resolver>> = {
  'a header is believed': changed('x-tenant-id', answer => answer && { ...answer, trust: 'verified' }),
  'whoever has a session may enter everything': changed('x-session', answer =>
    answer !== undefined && 'admits' in answer ? { ...answer, admits: () => ({ subject: 'anybody' }) } : answer,
  ),
  'a session picks a tenant silently': changed('x-session', answer =>
    answer !== undefined && 'admits' in answer ? { ...answer, home: () => 'acme' } : answer,
  ),
  'a bad key is no signal': (resolver, name) =>
    name === 'x-api-key' ? { ...resolver, resolve: request => quietly(resolver, request) } : resolver,
  'a role is lost': changed('authorization', answer =>
    answer !== undefined && 'key' in answer ? { ...answer, principal: {} } : answer,
  ),
  'the path is not asked': changed(':path', () => undefined),
}

async function quietly(resolver: Resolver, request: Parameters<Resolver['resolve']>[0]) {
  try {
    return await resolver.resolve(request)
  } catch {
    return undefined
  }
}

describe('the chain of resolvers beside a reference model', () => {
  it('C02 C03 C33 E7 decides every random request as the model does', async () => {
    const { disagreements, verdicts } = await fuzzResolution({ requests: 6_000, seed: 7 })
    expect(disagreements).toEqual([])
    // Each way to end was gone.
    expect(Object.keys(verdicts).sort()).toEqual([
      'CREDENTIAL_INVALID',
      'REQUEST_INVALID',
      'TENANT_ABSENT',
      'TENANT_AMBIGUOUS',
      'TENANT_CREDENTIALS_REQUIRED',
      'TENANT_NOT_FOUND',
      'TENANT_NOT_READY',
      'TENANT_SUSPENDED',
      'TENANT_UNVERIFIED',
      'served',
    ])
    expect(verdicts.served).toBeGreaterThan(300)
  })

  it.each(Object.entries(broken))('notices when %s', async (_, breakResolver) => {
    const { disagreements } = await fuzzResolution({ requests: 6_000, seed: 7, breakResolver })
    expect(disagreements.length).toBeGreaterThan(0)
  })
})
