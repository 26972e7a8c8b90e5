import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import { checkPrefix, databaseName, foldedName } from '../src/database-name.ts'
import { codeOf, tenantOf } from './support.ts'

describe('the name of a database', () => {
  it('M3 C08 1,000,000 ids have 1,000,000 names: at most 63 bytes, of characters that every system takes, equal in no case', () => {
    const prefix = checkPrefix(`a${'x'.repeat(36)}`)
    const names = new Set<string>()
    const letters = 'aAbB0_-'
    for (let n = 0; n < 1_000_000; n += 1) {
      // Half of them count in few letters of both cases, so that they differ by case and by delimiters.
      let id = `t-${n.toString(36)}`
      if (n % 2 === 1) {
        id = ''
        for (let rest = n; rest > 0; rest = Math.floor(rest / letters.length)) id += letters[rest % letters.length]
      }
      names.add(foldedName(databaseName(tenantOf(id), undefined, prefix)))
    }
    assert.equal(names.size, 1_000_000)
    for (const name of names) if (!/^[a-z][a-z0-9_-]{0,62}$/.test(name)) assert.fail(name)
  }, 60_000)

  it.for([
    '',
    ' ',
    'a b',
    'a/b',
    'a\\b',
    'a.b',
    'a"b',
    'a$b',
    'a*b',
    'a<b',
    'a>b',
    'a:b',
    'a|b',
    'a?b',
    'a\0b',
    'ä',
    'x'.repeat(64),
    '..',
  ])('M3 C43 a placement with the name %j is refused', async name => {
    assert.equal(
      await codeOf(() => databaseName(tenantOf('a', { mongo_database: name }), undefined, 't_')),
      'PLACEMENT_INVALID',
    )
    assert.equal(await codeOf(() => databaseName(tenantOf('a'), name, 't_')), 'PLACEMENT_INVALID')
  })

  it.for(['admin', 'local', 'config', 'Admin', 'LOCAL', 'cOnFiG'])(
    'M4 C43 the server’s own database %s is nobody’s',
    async name => {
      assert.equal(
        await codeOf(() => databaseName(tenantOf('a', { mongo_database: name }), undefined, 't_')),
        'PLACEMENT_INVALID',
      )
    },
  )

  it('takes what is given before the placement, and the placement before the digest', () => {
    const tenant = tenantOf('a', { mongo_database: 'placed' })
    assert.equal(databaseName(tenant, 'given', 't_'), 'given')
    assert.equal(databaseName(tenant, undefined, 't_'), 'placed')
    assert.match(databaseName(tenantOf('a'), undefined, 't_'), /^t_[a-z2-7]{26}$/)
  })

  it('I14 refuses a tenant without a name where none is made', async () => {
    assert.equal(await codeOf(() => databaseName(tenantOf('a'), undefined, undefined)), 'PLACEMENT_INVALID')
  })

  it.for(['', 'T_', '1t', 'a.b', 'a b', 'a/', 'x'.repeat(38), 7])('M3 the prefix %j is refused', async prefix => {
    assert.equal(await codeOf(() => checkPrefix(prefix)), 'ARGUMENT_INVALID')
  })
})
