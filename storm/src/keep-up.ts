import type { PgBouncer } from '@tenantry/servers'

/** A pooler that is watched. */
export interface Watch {
  /** How often it has died so far, and why. */
  readonly deaths: readonly string[]
  stop(): void
}

/**
 * Starts a pooler again when it has died by itself, as its service manager would: one more fault for the storm. PgBouncer 1.18 dies
 * now and then of cancel requests (pgbouncer#801).
 */
export function keepUp(pooler: Pick<PgBouncer, 'death' | 'up'>, failed: (error: unknown) => void): Watch {
  const deaths: string[] = []
  let busy = false
  async function look(): Promise<void> {
    if (busy) return
    busy = true
    try {
      const death = await pooler.death()
      if (death === undefined) return
      deaths.push(`${death.how}: ${death.log.split('\n').at(-1)}`)
      await pooler.up()
    } catch (error) {
      failed(error)
    } finally {
      busy = false
    }
  }
  const timer = setInterval(() => void look(), 100)
  return { deaths, stop: () => clearInterval(timer) }
}
