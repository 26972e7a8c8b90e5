import { parseArgs } from 'node:util'

/** What the command line asks for. */
export interface LeaseStormOptions {
  readonly minutes: number
  readonly postgres: '18' | '15' | undefined
  readonly json: boolean
}

export const usage = 'storm --leases [--minutes 5] [--postgres 18|15] [--json]'

/** @throws Error that says what is wrong with the arguments. */
export function readLeaseOptions(args: readonly string[]): LeaseStormOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      leases: { type: 'boolean' },
      minutes: { type: 'string', default: '5' },
      postgres: { type: 'string' },
      json: { type: 'boolean', default: false },
    },
  })
  const minutes = Number(values.minutes)
  if (!(minutes >= 0.5)) throw new Error('--minutes must be at least 0.5.')
  const { postgres, json } = values
  if (postgres !== undefined && postgres !== '18' && postgres !== '15') throw new Error('--postgres must be 18 or 15.')
  return { minutes, postgres, json }
}
