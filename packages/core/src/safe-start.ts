import { TenancyError } from './errors.ts'
import type { Finding } from './isolation.ts'
import type { Logger } from './logger.ts'

/** Options of {@link safeStart}. */
export interface SafeStartOptions {
  /** The name of the isolation, for errors and logs. */
  readonly isolation: string
  /** What is unsafe. */
  readonly look: () => Promise<readonly Finding[]>
  /**
   * What an unsafe configuration leads to. `refuse`: nothing is sent to the database, and the error lists what to mend.
   * `report`: it is logged, and served all the same.
   */
  readonly onUnsafe: 'refuse' | 'report'
  readonly logger: Logger
}

/**
 * The `ready` of an isolation: resolves when nothing unsafe was found. One look for all that wait for it, and none once all is
 * well. A failed one is forgotten: the database may be back next time, or the configuration mended.
 *
 * @throws {TenancyError} `ARGUMENT_INVALID`. What it gives throws `UNSAFE_CONFIGURATION`, and whatever the look throws.
 */
export function safeStart({ isolation, look, onUnsafe, logger }: SafeStartOptions): () => Promise<void> {
  if (onUnsafe !== 'refuse' && onUnsafe !== 'report')
    throw new TenancyError('ARGUMENT_INVALID', { field: 'onUnsafe', rule: 'must be "refuse" or "report"' })
  let looking: Promise<void> | undefined

  async function refuseUnsafe(): Promise<void> {
    const findings = await look()
    for (const { severity, ...finding } of findings) {
      if (severity === 'warning' || onUnsafe === 'report') {
        logger.warn({ event: `${isolation}.finding`, severity, ...finding }, `${finding.object} ${finding.problem}`)
      }
    }
    const errors = findings.filter(finding => finding.severity === 'error')
    if (errors.length > 0 && onUnsafe !== 'report') {
      throw new TenancyError('UNSAFE_CONFIGURATION', { isolation, findings: errors })
    }
  }

  return () => {
    looking ??= refuseUnsafe().catch((error: unknown) => {
      looking = undefined
      throw error
    })
    return looking
  }
}
