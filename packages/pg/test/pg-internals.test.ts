import { EventEmitter } from 'node:events'
import { inspect } from 'node:util'
import pg from 'pg'
import { serialize } from 'pg-protocol'
import { describe, expect, it } from 'vitest'
import {
  CancelConnection,
  cancelKeyOf,
  destroySocket,
  forgetPassword,
  isReady,
  prepareValue,
  WireQueryBase,
  wireOf,
} from '../src/wire/pg-internals.ts'

// One test for each thing that stands in `src/wire/pg-internals.ts` beyond the published types of pg. The tests against a server
// prove what they do; these say by name which one is gone.
describe('of the installed pg there is', () => {
  const client = new pg.Client({ host: '127.0.0.1', port: 1 })
  const wire = wireOf(client)

  it('the connection of a client, an emitter', () => {
    expect(wire).toBeInstanceOf(EventEmitter)
  })
  it.each(['sendCopyFail', 'sync'])('its method %s', name => {
    expect(wire).toHaveProperty(name, expect.any(Function))
  })
  it.each(['write', 'destroy'])('its stream, with its method %s', name => {
    expect(wire?.stream).toHaveProperty(name, expect.any(Function))
  })
  it.each([
    'handleRowDescription',
    'handleCommandComplete',
    'handleReadyForQuery',
    'handleError',
    'handleCopyInResponse',
  ])('the handler %s of pg.Query', name => {
    expect(WireQueryBase.prototype).toHaveProperty(name, expect.any(Function))
  })
  it('pg.Query made of a text, or of a text with its row mode and types', () => {
    expect(new WireQueryBase('select 1')).toMatchObject({ text: 'select 1' })
    const types: pg.CustomTypesConfig = { getTypeParser: () => String }
    expect(new WireQueryBase({ text: 'select 1', rowMode: 'array', types })).toMatchObject({ text: 'select 1', types })
  })
  it.each(['addFields', 'parseRow', 'addRow', 'addCommandComplete'])('the method %s of its result', name => {
    expect(new WireQueryBase('select 1')._result).toHaveProperty(name, expect.any(Function))
  })
  it('prepareValue, of one argument', () => {
    expect(prepareValue(1)).toBe('1')
    expect(prepareValue([null, 'a'])).toBe('{NULL,"a"}')
    expect(prepareValue.length).toBe(1)
  })
  it('readyForQuery of a client, false or absent before it is connected', () => {
    expect(isReady(client)).toBe(false)
  })
  it.each(['connect', 'requestSsl', 'cancel'])('the method %s of pg.Connection, for a cancel request', name => {
    expect(new CancelConnection({ ssl: false })).toHaveProperty(name, expect.any(Function))
  })
  it('the key to cancel with, null before it is connected', () => {
    expect(cancelKeyOf(client)).toMatchObject({
      host: '127.0.0.1',
      port: 1,
      ssl: false,
      processID: null,
      secretKey: null,
    })
  })
  it('a password in the client and in its connectionParameters, and nowhere else, that can be forgotten', () => {
    const known = new pg.Client({ user: 'u', password: 'the-password' })
    expect(known).toMatchObject({ password: 'the-password', connectionParameters: { password: 'the-password' } })
    forgetPassword(known)
    expect(inspect(known, { showHidden: true, depth: Infinity })).not.toContain('the-password')
  })
  it('a socket that can be destroyed before it is connected', () => {
    destroySocket(client)
    expect(wire?.stream).toHaveProperty('destroyed', true)
  })
  it('getTransactionStatus, null before it is known', () => {
    expect(client.getTransactionStatus()).toBeNull()
  })
  it('a client that takes query objects and reads their query_timeout', () => {
    expect(client.query).toBeTypeOf('function')
    expect(String(pg.Client.prototype.query)).toContain('query_timeout')
  })
  it('the name of a server error', () => {
    expect(new pg.DatabaseError('x', 0, 'error')).toBeInstanceOf(Error)
  })
  it('the messages of pg-protocol, byte for byte', () => {
    expect(serialize.sync()).toEqual(Buffer.from('S\0\0\0\u0004'))
    expect(serialize.execute()).toEqual(Buffer.from('E\0\0\0\u0009\0\0\0\0\0'))
    expect(serialize.describe({ type: 'P' })).toEqual(Buffer.from('D\0\0\0\u0006P\0'))
    expect(serialize.close({ type: 'S', name: 'n' })).toEqual(Buffer.from('C\0\0\0\u0007Sn\0'))
    expect(serialize.parse({ name: 'n', text: 't' })).toEqual(Buffer.from('P\0\0\0\u000an\0t\0\0\0'))
    expect(serialize.bind({ statement: 'n', values: ['v'] })).toEqual(
      Buffer.from('B\0\0\0\u0016\0n\0\0\u0001\0\0\0\u0001\0\0\0\u0001v\0\u0001\0\0'),
    )
  })
})
