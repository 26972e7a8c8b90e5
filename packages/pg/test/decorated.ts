import fc from 'fast-check'

const gap = fc.oneof(
  fc.constantFrom(
    ' ',
    '\t',
    '\n',
    '\r',
    '\f',
    '/**/',
    '/***/',
    '/* a */',
    '/* /* b */ */',
    '/*/ c */',
    '/* -- */',
    '--\n',
    '-- d\r',
  ),
  fc.constantFrom('/* commit; */', '-- begin\n', "/* ' */", '/* $$ */', '/* " */', '/*/**/*/', '/**//**/'),
)
const gaps = (minLength: number) => fc.array(gap, { minLength, maxLength: 4 }).map(parts => parts.join(''))

/** A statement of words as nobody would write it, and as Postgres reads it all the same. */
export function decorated(statement: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return statement.chain(text => {
    const words = text.trim().split(/\s+/)
    return fc
      .record({
        front: fc.array(fc.oneof(gap, fc.constant(';')), { maxLength: 4 }).map(parts => parts.join('')),
        between: fc.array(gaps(1), { minLength: words.length, maxLength: words.length }),
        upper: fc.array(fc.boolean(), { minLength: words.length, maxLength: words.length }),
        end: fc.constantFrom('', ';', ' ;', ';;', '-- e', '/* f */'),
      })
      .map(({ front, between, upper, end }) => {
        const body = words.map((word, at) => (at === 0 ? '' : between[at]) + (upper[at] ? word.toUpperCase() : word))
        return front + body.join('') + end
      })
  })
}
