import { inspect } from 'node:util'
import type { Logger } from '@tenantry/core'

/** A record of the log. */
export interface LogRecord {
  readonly level: keyof Logger
  readonly message: string
  readonly event?: unknown
  readonly tenant?: unknown
  readonly [detail: string]: unknown
}

/** A logger that keeps everything, to show it. */
export function memoryLogger(): { readonly logger: Logger; readonly records: readonly LogRecord[] } {
  const records: LogRecord[] = []
  const keep = (level: LogRecord['level']) => (details: object, message: string) => {
    records.push({ ...details, level, message })
  }
  return { records, logger: { debug: keep('debug'), info: keep('info'), warn: keep('warn'), error: keep('error') } }
}

/** All that anybody can read of some records: causes, hidden properties, stacks. */
export function readable(records: readonly LogRecord[]): string {
  return `${inspect(records, { depth: 20, showHidden: true, maxStringLength: null, maxArrayLength: null })}${JSON.stringify(records)}`
}
