import { isTenancyError, TenancyError } from '@tenantry/core'
import pg from 'pg'
import { describe, expect, it } from 'vitest'
import { connectError, statementError } from '../src/database-error.ts'

function serverError(code: string, severity = 'ERROR'): pg.DatabaseError {
  return Object.assign(new pg.DatabaseError('of the server', 0, 'error'), { code, severity })
}
function networkError(code: string): Error {
  return Object.assign(new Error(`connect ${code} 10.1.2.3:5432`), { code })
}
function codeOf(error: unknown): unknown {
  return isTenancyError(error) ? error.code : 'as it was'
}

describe('an error of a statement', () => {
  it.each(['57P01', '57P02', '57P03', '57P05', '25P03'])('%s means that the connection is lost', code => {
    expect(codeOf(statementError(serverError(code, 'FATAL')))).toBe('CONNECTION_LOST')
    // The severity is translated to the server's language.
    expect(codeOf(statementError(serverError(code, '\u0424\u0410\u0422\u0410\u041b\u042c\u041d\u041e')))).toBe(
      'CONNECTION_LOST',
    )
  })
  it.each(['08P01', '08006', '08003'])('%s means it only when it is fatal', code => {
    expect(codeOf(statementError(serverError(code, 'FATAL')))).toBe('CONNECTION_LOST')
    expect(codeOf(statementError(serverError(code)))).toBe('as it was')
  })
  it.each(['23505', '42601', '57014', '25P02', '40001', 'XX000'])('%s is the caller’s, the same object', code => {
    const error = serverError(code)
    expect(statementError(error)).toBe(error)
  })
  it.each(['ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ECONNREFUSED'])('%s of the network means it', code => {
    const error = networkError(code)
    const lost = statementError(error) as TenancyError
    expect([lost.code, lost.status, lost.cause]).toEqual(['CONNECTION_LOST', 503, error])
    expect(lost.message).not.toContain('10.1.2.3')
  })
  it.each([
    'Connection terminated',
    'Connection terminated unexpectedly',
    'Client has encountered a connection error and is not queryable',
    'Client was closed and is not queryable',
  ])('%s, of pg, means it', message => {
    expect(codeOf(statementError(new Error(message)))).toBe('CONNECTION_LOST')
  })
  it('has the stack of the caller if it is the server’s; what the caller threw keeps its own, frozen or not', () => {
    function caller(error: Error): string | undefined {
      statementError(error, caller)
      return error.stack
    }
    const own = new Error('of a value')
    const { stack } = own
    expect(caller(own)).toBe(stack)
    const ofServer = serverError('23505')
    const before = ofServer.stack
    expect(caller(ofServer)).not.toBe(before)
    const frozen = Object.freeze(serverError('23505'))
    expect(statementError(frozen, caller)).toBe(frozen)
  })
  it('anything else stays what it is', () => {
    const own = new TenancyError('SCOPE_CLOSED', { what: 'It' })
    for (const error of [own, new Error('Query read timeout'), 'text', undefined])
      expect(statementError(error)).toBe(error)
  })
})

describe('an error of a connection that was asked for', () => {
  it.each([
    networkError('ECONNREFUSED'),
    networkError('ENOTFOUND'),
    serverError('53300', 'FATAL'),
    new Error('timeout exceeded when trying to connect'),
    new Error('Connection terminated due to connection timeout'),
  ])('%s means that there is no database', error => {
    const refused = connectError(error) as TenancyError
    expect([refused.code, refused.status, refused.cause]).toEqual(['DATABASE_UNAVAILABLE', 503, error])
    expect(refused.message).not.toContain('10.1.2.3')
  })
  it.each([
    ['28P01', 'password'],
    ['28000', 'pg_hba.conf'],
    ['3D000', 'database'],
  ])('%s does not go away by itself: the configuration is wrong', (code, word) => {
    const error = Object.assign(serverError(code, 'FATAL'), { message: 'for user "secret_role"' })
    const refused = connectError(error) as TenancyError
    expect([refused.code, refused.status, refused.cause]).toEqual(['CONFIG_INVALID', 500, error])
    expect(refused.message).toContain(word)
    expect(refused.message).not.toContain('secret_role')
  })
  it('a pool without a free connection is said to be that', () => {
    const refused = connectError(new Error('timeout exceeded when trying to connect')) as TenancyError
    expect(refused.message).toContain('no connection was free within connectionTimeoutMillis')
  })
  it('of a pool that was ended means that', () => {
    expect(codeOf(connectError(new Error('Cannot use a pool after calling end on the pool')))).toBe('SCOPE_CLOSED')
  })
  it('anything else stays what it is', () => {
    const own = new TenancyError('CONFIG_INVALID', { source: 'x', problems: [] })
    for (const error of [own, 'text']) expect(connectError(error)).toBe(error)
  })
})
