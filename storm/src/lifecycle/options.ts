import { randomInt } from 'node:crypto'
import { parseArgs } from 'node:util'

/** What the command line asks for. */
export interface LifecycleStormOptions {
  /** Over all processes. */
  readonly sequences: number
  readonly processes: number
  readonly seed: number
  readonly postgres: '18' | '15' | undefined
  readonly json: boolean
}

export const usage = 'storm --lifecycle [--sequences 10000] [--processes 4] [--seed n] [--postgres 18|15] [--json]'

/** @throws Error that says what is wrong with the arguments. */
export function readLifecycleOptions(args: readonly string[]): LifecycleStormOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      lifecycle: { type: 'boolean' },
      sequences: { type: 'string', default: '10000' },
      processes: { type: 'string', default: '4' },
      seed: { type: 'string' },
      postgres: { type: 'string' },
      json: { type: 'boolean', default: false },
    },
  })
  const { postgres, json } = values
  if (postgres !== undefined && postgres !== '18' && postgres !== '15') throw new Error('--postgres must be 18 or 15.')
  return {
    sequences: whole('--sequences', values.sequences),
    processes: whole('--processes', values.processes),
    seed: values.seed === undefined ? randomInt(2 ** 31) : whole('--seed', values.seed),
    postgres,
    json,
  }
}

function whole(name: string, text: string): number {
  const number = Number(text)
  if (!Number.isSafeInteger(number) || number < 1) throw new Error(`${name} must be a whole number, at least 1.`)
  return number
}
