import { parseArgs } from 'node:util'

/** What every demo may be told: to keep running for its user's own requests, and to print JSON instead of a table. */
export function demoOptions(): { readonly serve: boolean; readonly json: boolean } {
  const { values } = parseArgs({
    options: { serve: { type: 'boolean', default: false }, json: { type: 'boolean', default: false } },
  })
  return values
}
