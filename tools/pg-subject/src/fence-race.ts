import { setTimeout as sleep } from 'node:timers/promises'
import { type Isolation, isTenancyError, type Tenant } from '@tenantry/core'
import type { TenantPool } from '@tenantry/pg'

/** Who races. Every isolation has notes with an `id uuid` and a `text`. */
export interface FenceRace {
  /** As many processes, which know nothing of each other nor of any suspension. */
  readonly writers: readonly Isolation<TenantPool>[]
  /** Suspends and resumes. */
  readonly keeper: Isolation<TenantPool>
  /** The tenant that is suspended, as those who serve it know it at this race: active. */
  tenant(race: number): Tenant
  /** One that goes on. */
  readonly other: Tenant
  /** The ids of a tenant's notes, read past the isolation. */
  ids(tenant: Tenant): Promise<readonly string[]>
  readonly races: number
}

/** What came of it. */
export interface RaceReport {
  /** Notes that were there when the fence was up, over all races. */
  readonly landed: number
  /** Notes that came later, and notes that a caller was told of which are not there. */
  readonly late: number
  readonly lost: number
  /** What the tenant's writers were told from when the fence was up, by code. */
  readonly refusals: ReadonlySet<string>
  /** What the other tenant's writers were told. */
  readonly disturbances: readonly string[]
  /** Races in which the other tenant wrote nothing between the beginning and the end of the suspension. */
  readonly stalled: number
}

type Writer = (pool: TenantPool, id: string) => Promise<unknown>

const insert = 'insert into notes (id, text) values ($1, $2)'

function transaction(begin: string, reads: boolean): Writer {
  return async (pool, id) => {
    const client = await pool.connect()
    try {
      await client.query(begin)
      if (reads) await client.query('select count(*) from notes')
      await client.query(insert, [id, 'in a transaction'])
      await client.query('select 1')
      await client.query('commit')
    } finally {
      client.release()
    }
  }
}

/** The ways to write: alone, in transactions of every level, prepared, and among reads that share a connection. */
const ways: Readonly<Record<string, Writer>> = {
  alone: (pool, id) => pool.query(insert, [id, 'alone']),
  prepared: (pool, id) => pool.query({ name: 'note', text: insert, values: [id, 'prepared'] }),
  begin: transaction('begin', false),
  'repeatable read': transaction('begin isolation level repeatable read', true),
  serializable: transaction('begin isolation level serializable', false),
  'among reads': (pool, id) =>
    Promise.all([
      ...Array.from({ length: 4 }, () => pool.query('select id from notes limit 1')),
      pool.query(insert, [id, 'among reads']),
    ]),
}

// Whoever runs serializable transactions runs them again: serialization_failure, deadlock_detected.
const again = /^40(?:001|P01)$/

/** Writes on as a tenant, whatever it is told. */
function write(isolation: Isolation<TenantPool>, tenant: Tenant, way: Writer, id: () => string) {
  const pool = isolation.handle(() => tenant)
  const said: { readonly at: number; readonly code: string }[] = []
  const kept: string[] = []
  let going = true
  const done = (async () => {
    while (going) {
      const mine = id()
      try {
        await way(pool, mine)
        kept.push(mine)
      } catch (error) {
        const code = codeOf(error)
        if (!again.test(code)) said.push({ at: performance.now(), code })
        await sleep(1)
      }
    }
    await pool.end()
  })()
  return {
    said,
    kept,
    async stop() {
      going = false
      await done
    },
  }
}

function codeOf(error: unknown): string {
  if (isTenancyError(error)) return error.code
  return String((error as { code?: unknown }).code ?? error)
}

/**
 * Writers of many processes against a suspension that they do not know of, time and again: how much lands behind it.
 *
 * A race ends when it is seen that nothing came in 50 milliseconds more, during which all still try.
 */
export async function raceTheFence(race: FenceRace): Promise<RaceReport> {
  const { writers, keeper, other, ids, races } = race
  let number = 0
  function id(): string {
    number += 1
    return `00000000-0000-4000-8000-${number.toString(16).padStart(12, '0')}`
  }
  const kinds = Object.values(ways)
  const others = writers.map((isolation, at) => write(isolation, other, kinds[at % 3] as Writer, id))
  const wrote = () => others.reduce((sum, { kept }) => sum + kept.length, 0)
  let [landed, late, lost, stalled] = [0, 0, 0, 0]
  const refusals = new Set<string>()
  for (let at = 0; at < races; at += 1) {
    const tenant = race.tenant(at)
    const all = writers.flatMap((isolation, turn) =>
      [0, 1, 2].map(step => write(isolation, tenant, kinds[(turn + at + 2 * step) % kinds.length] as Writer, id)),
    )
    while (all.some(({ kept }) => kept.length === 0)) await sleep(1)
    const before = wrote()
    await keeper.suspend?.(tenant, [0, 20, 1_000][at % 3] as number)
    const up = performance.now()
    const first = new Set(await ids(tenant))
    await sleep(50)
    const second = await ids(tenant)
    while (wrote() === before && performance.now() - up < 5_000) await sleep(1)
    if (wrote() === before) stalled += 1
    for (const { stop } of all) await stop()
    const third = await ids(tenant)
    late += [...second, ...third].filter(each => !first.has(each)).length
    lost += all.flatMap(({ kept }) => kept).filter(each => !first.has(each)).length
    landed += first.size
    for (const { said } of all) for (const { at: when, code } of said) if (when > up + 25) refusals.add(code)
    await keeper.resume?.(tenant)
  }
  for (const { stop } of others) await stop()
  return {
    landed,
    late,
    lost,
    refusals,
    disturbances: others.flatMap(({ said }) => said.map(({ code }) => code)),
    stalled,
  }
}
