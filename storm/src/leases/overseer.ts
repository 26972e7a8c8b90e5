import { setTimeout as sleep } from 'node:timers/promises'
import type { Estate } from '../isolations/database/estate.ts'
import { leasePrefix, serverNames } from '../isolations/database/names.ts'

/** Somebody who looks at the servers all the time. */
export interface Overseer {
  /** The broker is up since now; or it is down. */
  broker(is: 'up' | 'down'): void
  /** The longest that a login or a session of one was there after its end, in milliseconds of the servers' clocks. */
  longest(): number
  /** How often it has looked. */
  looks(): number
  stop(): Promise<void>
}

interface Row {
  readonly name: string
  readonly now: number
  /** When the login ends, or ended; in the past without a time for one that was revoked. */
  readonly until: number | null
}

const look = `select r.rolname as name, extract(epoch from clock_timestamp()) * 1000 as now,
    case when r.rolvaliduntil > '-infinity' then extract(epoch from r.rolvaliduntil) * 1000 end as until
  from pg_roles r where starts_with(r.rolname, $1)
  union all
  select a.usename, extract(epoch from clock_timestamp()) * 1000, null from pg_stat_activity a
   where starts_with(a.usename, $1) and not exists (select from pg_roles r where r.rolname = a.usename)`

/**
 * Sees that no login outlives its lease by more than one sweep: after its end, or after the broker came back if that was later.
 *
 * @param patience - milliseconds: from one sweep to the next, and what the sweep itself may take.
 */
export function overseer({ servers }: Estate, patience: number, complain: (problem: string) => void): Overseer {
  const ended = new Map<string, number>()
  let up: number | undefined
  let over = false
  let longest = 0
  let looks = 0

  async function watch(name: (typeof serverNames)[number]): Promise<void> {
    while (!over) {
      const { rows } = await servers[name].admin.query(look, [leasePrefix])
      looks += 1
      for (const row of rows)
        judge(name, { name: row.name, now: Number(row.now), until: row.until && Number(row.until) })
      await sleep(100)
    }
  }

  function judge(server: string, { name, now, until }: Row): void {
    const end = until ?? ended.get(name) ?? now
    if (end > now) return
    ended.set(name, end)
    // While nobody sweeps a login may stay, which nobody can log in with.
    if (up === undefined) return
    const late = now - Math.max(end, up)
    longest = Math.max(longest, late)
    if (late <= patience) return
    ended.set(name, Number.POSITIVE_INFINITY)
    complain(`the login ${name} on server ${server} is still there ${Math.round(late)} ms after its end`)
  }

  const watches = Promise.all(serverNames.map(watch))
  return {
    broker(is) {
      up = is === 'up' ? Date.now() : undefined
    },
    longest: () => Math.round(longest),
    looks: () => looks,
    async stop() {
      over = true
      await watches
    },
  }
}
