import type { Logger } from '@tenantry/core'

/** A record of the log, of a warning or an error. */
export interface LogRecord {
  readonly level: 'warn' | 'error'
  readonly message: string
  readonly event?: unknown
  readonly [detail: string]: unknown
}

/** A logger that keeps what is loud, to show it. */
export function memoryLogger(): { readonly logger: Logger; readonly records: readonly LogRecord[] } {
  const records: LogRecord[] = []
  const keep = (level: LogRecord['level']) => (details: object, message: string) => {
    records.push({ level, message, ...details })
  }
  const drop = () => undefined
  return { records, logger: { debug: drop, info: drop, warn: keep('warn'), error: keep('error') } }
}
