import type { Names } from '../names.ts'
import { literal } from './option-text.ts'

/** Settings whose value is a list of names (GUC_LIST_QUOTE). */
const lists = ['search_path', 'temp_tablespaces', 'local_preload_libraries', 'session_preload_libraries']

/**
 * `name TO value` from `name=value`, as the catalogue has it for a function. A path that names the schema names the clone.
 */
export function settingText(setting: string, schema: string): (names: Names) => string {
  const at = setting.indexOf('=')
  const plain = setting.slice(0, at)
  const name = /^[a-z_]+$/.test(plain) ? plain : `"${plain.replaceAll('"', '""')}"`
  const value = setting.slice(at + 1)
  if (!lists.includes(plain)) return () => `${name} TO ${literal(value)}`
  const items = listItems(value)
  if (items.length === 0) return () => `${name} TO ''`
  const isPath = name === 'search_path'
  return names =>
    `${name} TO ${items.map(item => (isPath && item === schema ? names.schema : literal(item))).join(', ')}`
}

/** The names in such a list: quoted ones as they are, others in lower case. */
function listItems(value: string): readonly string[] {
  return [...value.matchAll(/"((?:[^"]|"")*)"|[^\s,"][^,"]*/g)].map(([item, quoted]) =>
    quoted === undefined ? asciiLowerCase(item.trim()) : quoted.replaceAll('""', '"'),
  )
}

/** As the server folds names: letters of other alphabets stay. */
export function asciiLowerCase(text: string): string {
  return text.replace(/[A-Z]/g, letter => letter.toLowerCase())
}
