import { randomInt } from 'node:crypto'
import { parseArgs } from 'node:util'
import type { IsolationKind, Route } from './isolation-kind.ts'
import { isolationNames, kindsOf } from './isolations.ts'

/** What the command line asks for. */
export interface Options {
  /** Of each combination. */
  readonly operations: number
  readonly seed: number
  readonly kinds: readonly IsolationKind[]
  readonly routes: readonly Route[]
  readonly postgres: string | undefined
  /** The name of a mutant, or `all`. */
  readonly mutant: string | undefined
  readonly json: boolean
}

export const usage = `storm [--ops 20000] [--isolation rls|schema|database|all] [--seal none|stamp|challenge|all (of rls)]
      [--route direct|pgbouncer|all] [--seed n] [--postgres 18|15] [--mutant name|all] [--json]
storm --leases, see there: storm --leases --help`

/** @throws Error that says what is wrong with the arguments. */
export function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      ops: { type: 'string' },
      seed: { type: 'string' },
      isolation: { type: 'string' },
      seal: { type: 'string' },
      route: { type: 'string', default: 'all' },
      postgres: { type: 'string' },
      mutant: { type: 'string' },
      json: { type: 'boolean', default: false },
    },
  })
  // A mutant has to be caught within ten thousand.
  const operations = whole('--ops', values.ops ?? (values.mutant === undefined ? '20000' : '10000'))
  if (operations < 1) throw new Error('--ops must be at least 1.')
  // Who names a seal speaks of the isolation that has some.
  const isolations = among(
    '--isolation',
    values.isolation ?? (values.seal === undefined ? 'all' : 'rls'),
    isolationNames,
  )
  if (values.seal !== undefined && !isolations.includes('rls')) throw new Error('--seal is for --isolation rls.')
  return {
    operations,
    seed: values.seed === undefined ? randomInt(2 ** 31) : whole('--seed', values.seed),
    kinds: kindsOf(isolations, among('--seal', values.seal ?? 'all', ['none', 'stamp', 'challenge'])),
    routes: among('--route', values.route, ['direct', 'pgbouncer']),
    postgres: values.postgres === undefined ? undefined : among('--postgres', values.postgres, ['18', '15'])[0],
    mutant: values.mutant,
    json: values.json,
  }
}

/** Also in the form `1e6`. */
function whole(name: string, text: string): number {
  const number = Number(text)
  if (text.trim() === '' || !Number.isSafeInteger(number) || number < 0)
    throw new Error(`${name} must be a whole number.`)
  return number
}

/** One of them, several with commas in between, or `all`. */
function among<T extends string>(name: string, text: string, choices: readonly T[]): readonly T[] {
  if (text === 'all') return choices
  return text.split(',').map(wanted => {
    const chosen = choices.find(choice => choice === wanted)
    if (chosen === undefined) throw new Error(`${name} must be of ${choices.join(', ')}.`)
    return chosen
  })
}
