import { join, posix, win32 } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isTenantId, objectKey, problemOf, tenantFiles, tenantPrefix } from '../../src/index.ts'
import { refusal } from '../support.ts'

const acme = { id: 'acme' }
const id = fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/).filter(isTenantId)
const files = tenantFiles({ root: '/srv/files' })

describe('tenantPrefix', () => {
  it('F4 ends with a slash, so that t1 is not the beginning of t10', () => {
    expect(tenantPrefix({ id: 't1' })).toBe('t-t1/')
    expect(objectKey({ id: 't10' }, 'a').startsWith(tenantPrefix({ id: 't1' }))).toBe(false)
  })

  it('F5 gives ids that differ by case only two folders, on a disk that knows no case too', () => {
    const ids = ['acme', 'Acme', 'ACME', 'aCme', '-acme', '_acme', 'a-cme', 'con', 'CON', 'nul', 'com1']
    expect(new Set(ids.map(each => tenantPrefix({ id: each }).toLowerCase())).size).toBe(ids.length)
    expect(tenantPrefix({ id: 'con' })).toBe('t-con/')
  })

  it('F4 F5 is of one tenant only, safe on every disk, and never the beginning of another’s: any two ids', () => {
    fc.assert(
      fc.property(id, id, (one, other) => {
        const [a, b] = [tenantPrefix({ id: one }), tenantPrefix({ id: other })]
        expect(a).toMatch(/^t-[a-z0-9._-]{1,128}\/$/)
        expect(a).not.toMatch(/\.\.|\.\//)
        if (one !== other) expect(a.toLowerCase().startsWith(b.toLowerCase())).toBe(false)
      }),
      { numRuns: 5000 },
    )
  })

  it('F5 one million ids have one million folders', { timeout: 120_000 }, () => {
    const letters = 'aAbB_-0'
    const folders = new Set<string>()
    for (let n = 0; n < 1_000_000; n++) {
      let text = ''
      for (let rest = n; text.length < 8; rest = Math.floor(rest / 7)) text += letters[rest % 7]
      folders.add(tenantPrefix({ id: text }))
    }
    expect(folders.size).toBe(1_000_000)
  })

  it.each(['', '.', '..', '../b', 'a/b', 'a\\b', 'a\0', 'a_sk_b', 'á', 'a'.repeat(65), undefined, null, {}])(
    'F1 refuses %j, which is no tenant’s id',
    async bad => {
      await refusal('ARGUMENT_INVALID', () => tenantPrefix({ id: bad as string }))
      await refusal('ARGUMENT_INVALID', () => files.path({ id: bad as string }, 'a'))
    },
  )
})

const escaping = [
  // Upwards.
  ...[
    '..',
    '.',
    '../b',
    'a/../b',
    'a/..',
    './a',
    'a/./b',
    '../t-beta/x',
    '../../etc/passwd',
    'a/../../t-beta/x',
    '...',
    '....//',
    '..;/a',
  ],
  // From the top, or from somewhere else.
  ...[
    '/',
    '/etc/passwd',
    '//a',
    '//server/share',
    '\\\\server\\share',
    '\\\\?\\C:\\x',
    '\\a',
    'a\\..\\b',
    '..\\b',
    'c:',
    'c:x',
    'C:\\x',
    'C:/x',
  ],
  ...['file:///etc/passwd', 'http://x', '~', '~root', '~/.ssh', '$HOME', '`id`', '%APPDATA%'],
  // Encoded once, twice, or too long.
  ...[
    '%2e%2e/b',
    '%2e%2e%2fb',
    '..%2fb',
    '%252e%252e%252f',
    '..%5cb',
    '%c0%ae%c0%ae/b',
    '%u002e',
    'a%00',
    '%2E',
    '&#46;&#46;/',
  ],
  // What Unicode makes dots and slashes of (NFKC), and what it makes capitals or nothing of.
  ...[
    '\uff0e\uff0e/b',
    '\u2025/b',
    '\u2024\u2024/b',
    '\u2026',
    '..\u2215b',
    '..\uff0fb',
    '..\u2044b',
    'a\u200b',
    '\u212aelvin',
    'ſ',
    'ﬁle',
    'é',
    'e\u0301',
    '\u202egnp.exe',
    '\ud800',
  ],
  // Control characters and ends that some disks drop.
  ...['a\0', 'a\0.pdf', '\0', 'a\n', 'a\r\n', '\ta', 'a\x7f', 'a.', 'a..', 'a. ', 'a ', ' a', 'a/ b', 'a./b', 'a /b'],
  // What Windows keeps for itself: devices, streams, wildcards.
  ...[
    'con',
    'prn',
    'aux',
    'nul',
    'com1',
    'com0',
    'lpt9',
    'con.txt',
    'nul.tar.gz',
    'a/con',
    'con/a',
    'aux.',
    'a:b',
    'a::$data',
    'a*',
    'a?',
    'a<b',
    'a>b',
    'a|b',
    'a"b',
  ],
  // Capitals, of which some disks make others.
  ...['A', 'Report', 'CON', 'a/B', 'a.PDF'],
  // Hidden, or taken for an option.
  ...['.env', '.ssh/id', 'a/.git', '-rf', '--help', 'a/-x'],
  // Empty and too long.
  ...['', 'a//b', 'a/', '/a'],
]
const long = ['a'.repeat(256), `a/${'b'.repeat(256)}`, `a${'/a'.repeat(384)}`, 'a'.repeat(100_000)]

describe('a name of a file', () => {
  it('F1 has a corpus of names that could mean something else', () => {
    expect(new Set(escaping).size).toBe(escaping.length)
    expect(escaping.length).toBeGreaterThan(100)
  })

  it.each(escaping)('F1 F3 F5 %j is refused, on a disk and in an object store, and not shown', async name => {
    const error = await refusal('PATH_INVALID', () => files.path(acme, name))
    expect(await refusal('PATH_INVALID', () => objectKey(acme, name))).toMatchObject({ details: error.details })
    await refusal('PATH_INVALID', () => files.open(acme, name))
    expect(problemOf(error)).toMatchObject({
      status: 400,
      body: { detail: `The name of the file ${error.details.rule}.` },
    })
    if (name.length > 4 && !error.message.includes('"con"')) expect(error.message).not.toContain(name)
  })

  it('F1 that is too long for a disk or a key is refused', async () => {
    for (const name of long) {
      await refusal('PATH_INVALID', () => files.path(acme, name))
      await refusal('PATH_INVALID', () => objectKey(acme, name))
    }
  })

  it.each([undefined, null, 7, {}, ['a', 'b'], ['..'], new String('a')])('F1 %o is refused', async name => {
    await refusal('PATH_INVALID', () => files.path(acme, name as string))
    await refusal('PATH_INVALID', () => objectKey(acme, name as string))
  })

  it.each([
    ...[
      'a',
      'report.pdf',
      'reports/2026/q1.tar.gz',
      '0',
      '_',
      'a_b-c.d',
      '_tmp/018f-1',
      'con1',
      'console',
      'nulls/a',
      'com10',
    ],
    ...['a'.repeat(255), `a${'/a'.repeat(383)}`],
  ])('%# is a name', name => {
    expect(files.path(acme, name)).toBe(`/srv/files/t-acme/${name}`)
    expect(objectKey(acme, name)).toBe(`t-acme/${name}`)
    expect(Buffer.byteLength(objectKey({ id: 'A'.repeat(64) }, name))).toBeLessThanOrEqual(1024)
  })

  it('F1 F4 F5 whatever is sent stays beneath the tenant’s folder, as every reader reads it, or is refused', () => {
    const part = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 8 }),
      fc.constantFrom('..', '.', '/', '\\', '%2e', 'a', 'b.c', 't-beta', 'c:', '\0', '\uff0e', 'con', ' ', '~'),
      fc.stringMatching(/^[a-z0-9._/-]{1,12}$/),
      fc.stringMatching(/^[a-z0-9][a-z0-9_]{0,5}$/),
      fc.stringMatching(/^[a-z0-9][a-z0-9_]{0,5}\/[a-z0-9]$/),
    )
    let taken = 0
    fc.assert(
      fc.property(fc.array(part, { maxLength: 4 }), parts => {
        const name = parts.join('')
        let key: string
        try {
          key = objectKey(acme, name)
        } catch {
          return
        }
        taken += 1
        expect(key).toBe(`t-acme/${name}`)
        expect(files.path(acme, name)).toBe(`/srv/files/${key}`)
        for (const read of [
          key.normalize('NFKC'),
          decodeURIComponent(key),
          key.toLowerCase(),
          posix.normalize(key),
          win32.normalize(key).replaceAll('\\', '/'),
          new URL(key, 'http://x/').pathname.slice(1),
          join('/', key).slice(1),
        ]) {
          expect(read).toBe(key)
        }
      }),
      { numRuns: 20_000 },
    )
    expect(taken).toBeGreaterThan(1000)
  })
})

describe('tenantFiles', () => {
  it.each(['', '.', 'files', './files', '../files', '/srv\0', undefined])('F1 takes no root %j', async root => {
    await refusal('ARGUMENT_INVALID', () => tenantFiles({ root: root as string }))
  })
})
