import { inspect } from 'node:util'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { errors, isTenancyError, problemOf, TenancyError, tenancyErrorOf } from '../src/index.ts'

afterEach(() => vi.resetModules())

describe('the table of errors', () => {
  it.each(Object.entries(errors))('%s has an HTTP status, a title and a message', (code, entry) => {
    expect(code).toMatch(/^[A-Z]+(?:_[A-Z]+)*$/)
    expect(entry.status).toBeGreaterThanOrEqual(400)
    expect(entry.status).toBeLessThan(600)
    expect(entry.title).toMatch(/^[A-Z].*\.$/)
  })

  it('gives the error its status, message and details', () => {
    const cause = new Error('below')
    const error = new TenancyError('VERSION_CONFLICT', { tenant: 'acme', expected: 1, actual: 2 }, { cause })
    expect(error).toMatchObject({ code: 'VERSION_CONFLICT', status: 409, details: { expected: 1, actual: 2 }, cause })
    expect(error.message).toBe('Tenant "acme" is at version 2, not 1. Read the tenant again and repeat the change.')
    expect(String(error)).toMatch(/^TenancyError: Tenant "acme"/)
    expect(inspect(error)).toContain('errors.test.ts')
  })
})

describe('isTenancyError', () => {
  it('knows the errors of another copy of the package', async () => {
    vi.resetModules()
    const other = await import('../src/index.ts')
    expect(other.TenancyError).not.toBe(TenancyError)
    const error = new other.TenancyError('TENANT_NOT_FOUND', { key: 'slug acme' })
    expect(error).not.toBeInstanceOf(TenancyError)
    expect(isTenancyError(error)).toBe(true)
    expect(other.isTenancyError(new TenancyError('TENANT_NOT_FOUND', { key: 'slug acme' }))).toBe(true)
  })

  it.each([undefined, null, 'TENANT_NOT_FOUND', { code: 'TENANT_NOT_FOUND', status: 404 }, new Error('no')])(
    'is not taken in by %s',
    value => expect(isTenancyError(value)).toBe(false),
  )
})

describe('problemOf', () => {
  it('shows the title of the code and never the message, which names tenants', () => {
    const { body } = problemOf(new TenancyError('TENANT_SUSPENDED', { tenant: 'acme-7' }))
    expect(body).toEqual({
      type: 'urn:tenantry:error:TENANT_SUSPENDED',
      title: 'This tenant is suspended.',
      status: 403,
      code: 'TENANT_SUSPENDED',
    })
  })

  it('shows what the caller itself sent wrong', () => {
    const { body } = problemOf(new TenancyError('REQUEST_INVALID', { field: 'header host', rule: 'must stand once' }))
    expect(body.detail).toBe('header host: must stand once.')
  })

  it.each([
    ['TENANT_CREDENTIALS_REQUIRED', new TenancyError('TENANT_CREDENTIALS_REQUIRED', { tried: [] }), 'www-authenticate'],
    ['DATABASE_UNAVAILABLE', new TenancyError('DATABASE_UNAVAILABLE', { reason: 'down' }), 'retry-after'],
  ])('sends the header that belongs to the status of %s', (_, error, header) => {
    expect(problemOf(error).headers).toHaveProperty([header])
    expect(problemOf(error).headers).toMatchObject({
      'content-type': 'application/problem+json',
      'cache-control': 'no-store',
    })
  })

  it('says when to come again, if the error knows', () => {
    const exhausted = { tenant: 'a', waited: 5000, retryAfter: 3, limit: 'budget' } as const
    expect(problemOf(new TenancyError('POOL_EXHAUSTED', exhausted)).headers).toHaveProperty(['retry-after'], '3')
    expect(problemOf(new TenancyError('DATABASE_UNAVAILABLE', { reason: 'down' })).headers).toHaveProperty(
      ['retry-after'],
      '1',
    )
  })

  it('answers an error of a version whose codes it does not know', () => {
    const error = new TenancyError('TENANT_NOT_FOUND', { key: 'slug acme' })
    Object.assign(error, { code: 'FROM_THE_FUTURE', status: 418 })
    expect(problemOf(error).body).toEqual({
      type: 'urn:tenantry:error:FROM_THE_FUTURE',
      title: 'The request failed.',
      status: 418,
      code: 'FROM_THE_FUTURE',
    })
  })
})

describe('tenancyErrorOf', () => {
  const error = new TenancyError('DATABASE_UNAVAILABLE', { reason: 'ECONNREFUSED' })

  it('finds the error under what a library wrapped it in', () => {
    expect(tenancyErrorOf(error)).toBe(error)
    expect(tenancyErrorOf(new Error('query failed', { cause: new Error('driver', { cause: error }) }))).toBe(error)
  })

  it('finds none where there is none, and comes to an end', () => {
    const circle = new Error('circle')
    circle.cause = circle
    for (const value of [
      undefined,
      null,
      'DATABASE_UNAVAILABLE',
      { code: 'DATABASE_UNAVAILABLE' },
      new Error('x'),
      circle,
    ]) {
      expect(tenancyErrorOf(value)).toBeUndefined()
    }
  })
})
