import { describePostgres } from '@tenantry/servers/vitest'
import fc from 'fast-check'
import pg from 'pg'
import { expect, it } from 'vitest'
import { type StatementKind, statementKind } from '../src/statements/statement-kind.ts'
import { decorated } from './decorated.ts'
import { failure, useDatabase } from './support.ts'

// The server's own word for what a statement was: its command tag.
const tags: Readonly<Record<string, readonly StatementKind['kind'][]>> = {
  BEGIN: ['begin'],
  START: ['begin'],
  COMMIT: ['commit'],
  ROLLBACK: ['rollback', 'transaction'],
  SAVEPOINT: ['transaction'],
  RELEASE: ['transaction'],
  SET: ['transaction', 'refused'],
  RESET: ['refused'],
  DISCARD: ['refused'],
  LISTEN: ['refused'],
  UNLISTEN: ['refused'],
  PREPARE: ['refused'],
  EXECUTE: ['refused'],
  DEALLOCATE: ['refused'],
}

const statements = [
  ...[
    'begin',
    'begin work',
    'start transaction',
    'begin isolation level repeatable read',
    'commit',
    'end',
    'commit work',
  ],
  ...['commit and chain', 'rollback', 'abort', 'rollback and no chain', 'savepoint s', 'release s', 'rollback to s'],
  ...[
    'set local app.x = 1',
    'set app.x = 1',
    'set session app.x = 1',
    'set time zone utc',
    'set role none',
    'reset app.x',
  ],
  ...[
    'set transaction read write',
    'set local transaction read write',
    'set session characteristics as transaction read write',
  ],
  ...['discard plans', 'listen news', 'unlisten *', 'prepare p as select 1', 'deallocate all', 'set names utf8'],
  ...['select 1', 'table plain', 'values (1)', 'insert into seen values (1)', 'begin_', 'set', 'commit prepared x'],
]

describePostgres('what the server takes a statement for', server => {
  const db = useDatabase(server)

  it('is what we take it for: no transaction or session control passes as ordinary', async () => {
    const client = await db.connect('runtime')
    const found = new Set<string>()
    await fc.assert(
      fc.asyncProperty(
        decorated(fc.constantFrom(...statements)),
        fc.constantFrom('', '\u00a0', '\u000b', '\ufeff', '\u2028', '\u3000'),
        async (text, odd) => {
          // The server may know savepoint s and statement p, or not: both ways are of use.
          for (const prepare of ['rollback', 'begin', 'savepoint s']) await client.query(prepare)
          const statement = odd + text
          let command: string | null
          try {
            command = (await client.query({ text: statement, values: [], queryMode: 'extended' } as pg.QueryConfig))
              .command
          } catch (error) {
            if (!(error instanceof pg.DatabaseError)) throw error
            return
          }
          const kind = statementKind(statement)
          if (command === null) return
          found.add(command)
          const expected = tags[command]
          if (expected !== undefined) expect(expected, JSON.stringify(statement)).toContain(kind.kind)
          else expect(kind.kind, JSON.stringify(statement)).toBe('ordinary')
        },
      ),
      // Each of them plain for once, so that what must be found is no matter of luck.
      { numRuns: 600, examples: statements.map((text): [string, string] => [text, '']) },
    )
    expect([...found]).toEqual(expect.arrayContaining(['BEGIN', 'COMMIT', 'ROLLBACK', 'SET', 'SELECT', 'RELEASE']))
  })

  it('cannot be hidden: what a text does to a transaction is never called ordinary', async () => {
    const client = await db.connect('runtime')
    const pieces = [
      'begin',
      'commit',
      'rollback',
      'start',
      'transaction',
      'end',
      'abort',
      'select',
      '1',
      ';',
      ' ',
      '\n',
    ]
    const odd = ['/*', '*/', '--', '"', "'", '\v', '\f', '\r', '(', ')', '\u00a0', '$$', 'U&', 'E', '.', '\\', '*', '/']
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom(...pieces, ...odd), { maxLength: 6 }),
        fc.boolean(),
        async (parts, inside) => {
          await client.query('rollback')
          if (inside) await client.query('begin')
          const before = client.getTransactionStatus()
          const text = parts.join('')
          await client.query({ text, values: [], queryMode: 'extended' } as pg.QueryConfig).catch(() => undefined)
          const after = client.getTransactionStatus()
          if (after !== before && after !== 'E')
            expect(statementKind(text).kind, JSON.stringify(text)).not.toBe('ordinary')
        },
      ),
      { numRuns: 1500 },
    )
  })

  it('is refused as a whole when it holds more than one', async () => {
    const client = await db.connect('runtime')
    const text = fc.tuple(
      decorated(fc.constantFrom('select 1', 'begin')),
      decorated(fc.constantFrom('commit', 'select 2')),
    )
    await fc.assert(
      fc.asyncProperty(text, async ([first, second]) => {
        const both = `${first.replace(/(--[^\n\r]*)$/, '')}\n;${second}`
        const sent = client.query({ text: both, values: [], queryMode: 'extended' } as pg.QueryConfig)
        expect((await failure(sent)).code).toBe('42601')
      }),
      { numRuns: 50 },
    )
  })
})
