import { parseArgs } from 'node:util'
import type { BusName } from './open-cache.ts'

/** What the command line asks for. */
export interface SuspensionOptions {
  /** With a bus, one after the other. */
  readonly trials: number
  /** Without one, all at the same time. */
  readonly cut: number
  /** Which bus; with that of Postgres nothing is cut off. */
  readonly bus: BusName
  readonly processes: number
  readonly postgres: '18' | '15' | undefined
  readonly json: boolean
}

export const usage =
  'storm --suspensions [--trials 200] [--cut 20] [--bus redis|postgres] [--processes 4] [--postgres 18|15] [--json]'

/** @throws Error that says what is wrong with the arguments. */
export function readSuspensionOptions(args: readonly string[]): SuspensionOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      suspensions: { type: 'boolean' },
      trials: { type: 'string', default: '200' },
      cut: { type: 'string', default: '20' },
      bus: { type: 'string', default: 'redis' },
      processes: { type: 'string', default: '4' },
      postgres: { type: 'string' },
      json: { type: 'boolean', default: false },
    },
  })
  const { bus, postgres, json } = values
  if (bus !== 'redis' && bus !== 'postgres') throw new Error('--bus must be redis or postgres.')
  if (postgres !== undefined && postgres !== '18' && postgres !== '15') throw new Error('--postgres must be 18 or 15.')
  const [trials, cut, processes] = [
    whole('--trials', values.trials),
    whole('--cut', values.cut),
    whole('--processes', values.processes),
  ]
  return { trials, cut, bus, processes, postgres, json }
}

function whole(name: string, text: string): number {
  const number = Number(text)
  if (!Number.isSafeInteger(number) || number < 1) throw new Error(`${name} must be a whole number, at least 1.`)
  return number
}
