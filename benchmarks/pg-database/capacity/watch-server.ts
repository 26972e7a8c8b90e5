import type pg from 'pg'

/** What a server had of an application at most, as somebody beside it saw. */
export interface Watch {
  readonly samples: number
  readonly most: number
  stop(): Promise<void>
}

/** Counts an application's connections on the server, one look after another, until it is stopped. */
export function watchServer(admin: pg.Pool, application: string): Watch {
  const seen = { samples: 0, most: 0 }
  let stopped = false
  async function look(): Promise<void> {
    while (!stopped) {
      const { rows } = await admin.query<{ count: number }>(
        'select count(*)::int as count from pg_stat_activity where application_name = $1',
        [application],
      )
      seen.samples += 1
      seen.most = Math.max(seen.most, rows[0]?.count ?? 0)
      await new Promise(resolve => setTimeout(resolve, 5))
    }
  }
  const looking = look()
  return {
    get samples() {
      return seen.samples
    },
    get most() {
      return seen.most
    },
    async stop() {
      stopped = true
      await looking
    },
  }
}
