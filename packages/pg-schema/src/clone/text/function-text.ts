import type { FunctionFacts } from '../catalog/facts.ts'
import { type Text, words } from '../names.ts'
import { settingText } from './setting-text.ts'

const volatilities: Readonly<Record<string, string>> = { i: 'IMMUTABLE', s: 'STABLE' }
const parallels: Readonly<Record<string, string>> = { s: 'PARALLEL SAFE', r: 'PARALLEL RESTRICTED' }

/** `FUNCTION` or `PROCEDURE`, and by what it is called. */
export function functionAddress(item: FunctionFacts): string {
  return `${item.kind === 'p' ? 'PROCEDURE' : 'FUNCTION'} ${calledBy(item)}`
}

/** Its name and the types of its arguments, which are a part of it. */
export function calledBy({ name, signature }: FunctionFacts): string {
  return `${name}(${signature})`
}

/**
 * The statement that makes a function. It is put together from its parts, because `pg_get_functiondef` prints the settings, of which
 * a `search_path` that names the schema is to name the clone, in one text with the body.
 */
export function functionText(facts: FunctionFacts, schema: string): Text {
  const { kind, name, result, body, transforms, support } = facts
  const head = [
    `CREATE ${kind === 'p' ? 'PROCEDURE' : 'FUNCTION'} ${name}(${facts.arguments})`,
    ...(result === null ? [] : [`RETURNS ${result}`]),
    ...(transforms.length === 0 ? [] : [`TRANSFORM ${transforms.map(type => `FOR TYPE ${type}`).join(', ')}`]),
    words(
      `LANGUAGE ${facts.language}`,
      kind === 'w' && 'WINDOW',
      volatilities[facts.volatility],
      facts.leakproof && 'LEAKPROOF',
      facts.strict && 'STRICT',
      facts.definer && 'SECURITY DEFINER',
      parallels[facts.parallel],
      kind !== 'p' && `COST ${facts.cost}`,
      facts.rows !== '0' && `ROWS ${facts.rows}`,
      support && `SUPPORT ${support}`,
    ),
  ].join('\n')
  const tail = body ?? `AS ${dollarQuoted(facts.source)}`
  const settings = facts.settings.map(setting => settingText(setting, schema))
  return names => [head, ...settings.map(text => `SET ${text(names)}`), tail].join('\n')
}

/** Whether its body is a text that nobody has looked into. */
export function hasText({ body }: FunctionFacts): boolean {
  return body === null
}

function dollarQuoted(body: string): string {
  let tag = '$body'
  // Without its last sign, since a body may end in the rest of it.
  while (body.includes(tag)) tag += '_'
  return `${tag}$${body}${tag}$`
}
