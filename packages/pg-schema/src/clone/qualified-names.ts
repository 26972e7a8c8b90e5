import { asciiLowerCase } from './text/setting-text.ts'

/** A name that a text says with a schema, or with something that looks like one: an alias, a record. */
export interface QualifiedName {
  readonly schema: string
  readonly name: string
}

const letter = 'A-Za-z_\\u0080-\\uffff'
const plain = `[${letter}][${letter}0-9$]*`
const quoted = '"((?:[^"]|"")+)"'
// Looked for at every place, also inside of strings and comments: a text that is run later is not known to be one.
const pattern = new RegExp(`(?=(?:${quoted}|(?<![${letter}0-9$])(${plain}))\\s*\\.\\s*(?:${quoted}|(${plain})))`, 'g')

/** All qualified names in a text, each once. */
export function qualifiedNames(text: string): readonly QualifiedName[] {
  const names = new Map<string, QualifiedName>()
  for (const [, quotedSchema, schema = '', quotedName, name = ''] of text.matchAll(pattern)) {
    const found = { schema: folded(quotedSchema, schema), name: folded(quotedName, name) }
    names.set(JSON.stringify(found), found)
  }
  return [...names.values()]
}

function folded(quoted: string | undefined, plain: string): string {
  return quoted === undefined ? asciiLowerCase(plain) : quoted.replaceAll('""', '"')
}
