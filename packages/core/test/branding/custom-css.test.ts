import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { checkBranding } from '../../src/index.ts'
import { refusal } from '../support.ts'

const assetHosts = ['cdn.example.com', 'fonts.example.com:8443']
const check = (customCss: unknown) => checkBranding({ customCss }, { assetHosts })

describe('P26 custom CSS', () => {
  it.each([
    '',
    '.card { color: rgb(1 2 3 / 50%); border-radius: calc(1px + 2px) }',
    '.a > .b::before { content: "a { ( [ url(x) @import"; transform: translateX(1px) rotate(2deg) }',
    '/* @import url(http://evil) } */ :root { --x: 1px; color: var(--x) }',
    '@media (min-width: 600px) and (prefers-color-scheme: dark) { a:not(.b, :nth-child(2n+1)) { color: #fff } }',
    '@supports not (display: grid) { a { float: left } } @keyframes spin { to { rotate: 1turn } }',
    "a { background: URL( 'https://cdn.example.com/a b.png' ) }".replace('a b', 'a%20b'),
    '@font-face { font-family: X; src: url(https://fonts.example.com:8443/x.woff2) format("woff2") }',
    'input[value^="a"] { color: red !important }',
    'p::after { content: "Größe ✓" }',
  ])('is taken: %s', css => {
    expect(check(css)).toEqual({ customCss: css })
  })

  it.each([
    ...['</style><script>alert(1)</script>', '<!-- x', 'a { content: "</style>" }', '/* </STYLE > */', 'a < b {}'],
    ...[
      '@import "https://evil.example/x.css";',
      '@IMPORT url(//evil)',
      '@\\69mport "x"',
      '@namespace "x";',
      '@charset "x";',
    ],
    ...['@document url(x) {}', '@ import "x"', '@property --x {}', '@page { }', '@font-feature-values x {}'],
    ...['a { background: url(https://evil.example/?x) }', 'a { background: url(http://cdn.example.com/x) }'],
    ...[
      'a { background: url(//cdn.example.com/x) }',
      'a { background: url(/x) }',
      'a { background: url(data:image/png,x) }',
    ],
    ...[
      'a { background: url(https://cdn.example.com.evil.example/x) }',
      'a { background: url(https://cdn.example.com@evil/) }',
    ],
    ...[
      'a { background: url(https://cdn.example.com:8443/x) }',
      'a { background: url("") }',
      'a { background: url() }',
    ],
    ...['a { background: u\\72l(https://evil) }', 'a { background: url("https://cdn.example.com/" "x") }'],
    ...['a { background: image-set("https://evil" 1x) }', 'a { background: -webkit-image-set(url(x) 1x) }'],
    ...['a { background: src("https://evil") }', 'a { background: image("https://evil") }', 'a { b: element(#x) }'],
    ...[
      'a { width: expression(alert(1)) }',
      'a { background: paint(x) }',
      'a { content: attr(value) }',
      'a { b: env(x) }',
    ],
    ...['a { behavior: url(x.htc) }', 'a { -moz-binding: url("https://evil#x") }', 'a { b: übel(x) }'],
    ...[
      'a {',
      'a }',
      '}} a {{',
      'a ( { ) }',
      '[ ( ] )',
      'a { content: "x }',
      "a { content: 'x\n' }",
      '/* open',
      '/* a */ /*',
    ],
    ...[
      'a { content: "x\u0000" }',
      'a\u0007 {}',
      '\ud800',
      'a { content: "\f" }',
      'x'.repeat(10_001),
      7,
      null,
      ['a{}'],
    ],
  ])('is refused: %s', async css => {
    expect((await refusal('INPUT_INVALID', () => check(css))).details.field).toBe('customCss')
  })

  it('says what is wrong with it', async () => {
    const ruleOf = async (css: string) => (await refusal('INPUT_INVALID', () => check(css))).details.rule
    expect(await ruleOf('@import "x";')).toBe('must not hold @import')
    expect(await ruleOf('a { b: image-set("x") }')).toBe('must not hold image-set(…)')
    expect(await ruleOf('a { b: url(https://x.example/) }')).toBe('must load from allowed hosts only, by https')
    expect(await ruleOf('a {')).toBe('must close what it opens')
    expect(await ruleOf('x'.repeat(20_000))).toBe('must be at most 10,000 characters')
  })

  it('whatever is taken stays inside a block and loads nothing else, as another reader reads it', () => {
    const pieces = fc.constantFrom(
      ...[
        'a',
        '.b',
        ' ',
        '\n',
        '{',
        '}',
        '(',
        ')',
        '[',
        ']',
        ';',
        ':',
        ',',
        '"',
        "'",
        '/*',
        '*/',
        '/',
        '*',
        '@',
        '-',
        '--',
      ],
      ...[
        '@import',
        '@media',
        '@font-face',
        'url(',
        'URL(',
        'https://cdn.example.com/x',
        'https://evil.example/',
        '//evil',
      ],
      ...[
        '<',
        '</style>',
        '<!--',
        '-->',
        '\\',
        '\\75',
        'image-set(',
        'rgb(',
        'var(',
        '!important',
        'color:red',
        'é',
        '\u0000',
      ],
    )
    let taken = 0
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 14 }), parts => {
        const css = parts.join('')
        try {
          check(css)
        } catch {
          return
        }
        taken += 1
        expect(css).not.toMatch(/[<\\]/)
        const { left, texts } = withoutTexts(css)
        expect(texts).toBe('closed')
        expect(depths(left)).toEqual({ lowest: 0, last: 0 })
        expect(left).not.toMatch(/@import|image-set\(/i)
        for (const [, address = ''] of left.matchAll(/url\(([^)]*)\)/gi)) {
          expect(address.trim()).toMatch(/^(?:https:\/\/cdn\.example\.com\/|TEXT$)/)
        }
      }),
      { numRuns: 5_000 },
    )
    expect(taken).toBeGreaterThan(100)
  })
})

/** Character by character, as CSS Syntax Level 3 consumes them: comments go, texts become TEXT. */
function withoutTexts(css: string): { left: string; texts: 'closed' | 'open' } {
  let left = ''
  for (let at = 0; at < css.length; at += 1) {
    const char = css.charAt(at)
    const unquoted = /^url\(\s*(?=[^\s"'])[^)]*\)/i.exec(css.slice(at))
    if (unquoted && !/[-\w\u0080-\uffff@]$/.test(left)) {
      left += unquoted[0]
      at += unquoted[0].length - 1
    } else if (css.startsWith('/*', at)) {
      const end = css.indexOf('*/', at + 2)
      if (end < 0) return { left, texts: 'open' }
      at = end + 1
    } else if (char === '"' || char === "'") {
      const end = css.indexOf(char, at + 1)
      if (end < 0 || css.slice(at, end).includes('\n')) return { left, texts: 'open' }
      left += 'TEXT'
      at = end
    } else left += char
  }
  return { left, texts: 'closed' }
}

function depths(css: string): { lowest: number; last: number } {
  let [lowest, last] = [0, 0]
  for (const char of css.replace(/url\([^)]*\)/gi, '')) {
    if ('([{'.includes(char)) last += 1
    else if (')]}'.includes(char)) last -= 1
    lowest = Math.min(lowest, last)
  }
  return { lowest, last }
}
