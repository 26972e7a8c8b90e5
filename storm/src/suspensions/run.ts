import { createLifecycle } from '@tenantry/core'
import { migrateRegistry, postgresRegistry } from '@tenantry/pg/registry'
import { startPostgres, startRedis } from '@tenantry/servers'
import pg from 'pg'
import { showLine } from '../leases/show-line.ts'
import { openCrew } from './crew.ts'
import { clock } from './messages.ts'
import { openCache, quiet } from './open-cache.ts'
import { readSuspensionOptions, type SuspensionOptions, usage } from './options.ts'

function optionsOrExit(): SuspensionOptions {
  try {
    return readSuspensionOptions(process.argv.slice(2))
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n${usage}`)
    process.exit(2)
  }
}

/** How long it took in the process that took longest, in milliseconds. */
interface Trial {
  /** Until the last request was let in, from before the suspension was asked for. */
  readonly request: number
  /** The same for work that had begun before. */
  readonly work: number
}

const { trials, cut, bus, processes, postgres, json } = optionsOrExit()
const env = postgres === '15' ? { ...process.env, TENANTRY_PG: '15', TENANTRY_PG_URL: '' } : process.env
const [drain, second, by] = [500, 1_000, { actor: 'storm' }]
// Until it is known to be well: a process that has nothing left to wait for ends without a word.
process.exitCode = 1
const [server, redis] = await Promise.all([startPostgres({ env }), startRedis()])
const line = showLine()
const problems: string[] = []
const endings: (() => unknown)[] = [() => redis.stop(), () => server.stop()]

try {
  const database = await server.freshDatabase()
  const pool = new pg.Pool({ connectionString: database.runtimeUrl, max: 4 })
  // When the server stops, whatever is wrong has been said already.
  pool.on('error', () => undefined)
  endings.unshift(() => pool.end())
  const owner = new pg.Pool({ connectionString: database.ownerUrl, max: 2 })
  await migrateRegistry({ pool: owner, role: database.runtimeRole })
  await owner.end()
  const store = postgresRegistry({ pool, logger: quiet })
  const place = { bus, redis: redis.url, registry: database.runtimeUrl }
  const { cache, clients } = await openCache(store, place)
  const hangUp = () => {
    for (const client of clients) client.disconnect()
  }
  endings.unshift(
    () => hangUp(),
    () => cache.close().catch(() => undefined),
  )
  const lifecycle = createLifecycle({ store, announce: cache.announce, logger: quiet })
  const crew = await openCrew(processes, { kind: 'open', ...place, drain })
  endings.unshift(() => crew.close())

  async function suspend(id: string): Promise<Trial> {
    const from = clock()
    await lifecycle.suspend(id, by)
    const ends = await crew.refused(id)
    for (const { code } of ends) if (code !== 'TENANT_SUSPENDED') problems.push(`${id} was refused with ${code}`)
    const longest = (of: 'lastRequest' | 'lastWork') => Math.max(0, ...ends.map(end => end[of] - from))
    return { request: longest('lastRequest'), work: longest('lastWork') }
  }

  /** Tenants that are all served before the first of them is suspended. */
  async function made(prefix: string, count: number): Promise<readonly string[]> {
    const ids = Array.from({ length: count }, (_, n) => `${prefix}-${n}`)
    for (const id of ids) await lifecycle.create({ id, slug: id, name: id }, by)
    return ids
  }

  const heard: Trial[] = []
  for (const id of await made('heard', trials)) {
    await crew.serve(id)
    heard.push(await suspend(id))
    line.show(`${heard.length} of ${trials} suspensions that are heard of`)
  }

  async function unheard(prefix: string, cutOff: () => Promise<unknown>): Promise<readonly Trial[]> {
    const ids = await made(prefix, cut)
    for (const id of ids) await crew.serve(id)
    await cutOff()
    line.show(`${cut} suspensions that nobody hears of: ${prefix}`)
    return Promise.all(ids.map(suspend))
  }
  // Who suspends reaches Redis no more; the others do, and find there what was before.
  const alone = bus === 'postgres' ? [] : await unheard('alone', async () => hangUp())
  const without = bus === 'postgres' ? [] : await unheard('without', () => redis.down())
  line.end()

  const at = (list: readonly number[], share: number) =>
    list.toSorted((a, b) => a - b)[Math.ceil(list.length * share) - 1] ?? 0
  const requests = heard.map(({ request }) => request)
  const most = (of: readonly Trial[], what: keyof Trial) => Math.max(0, ...of.map(trial => trial[what]))
  const p99 = at(requests, 0.99)
  // Work notices within the same time, or when it looks again, and has its time then.
  const noticed = cache.bound + 5_000 + drain
  if (p99 > second) problems.push(`p99 of a suspension that is heard of is ${p99.toFixed(0)} ms`)
  if (most(heard, 'work') > drain + second) problems.push(`work went on for ${most(heard, 'work').toFixed(0)} ms`)
  for (const [name, list] of Object.entries({ alone, without })) {
    if (most(list, 'request') > cache.bound + second) problems.push(`${name}: ${most(list, 'request').toFixed(0)} ms`)
    if (most(list, 'work') > noticed + second) problems.push(`${name}: work for ${most(list, 'work').toFixed(0)} ms`)
  }
  const report = {
    ...{ postgres: server.descriptor.version, bus, processes, trials, cut, bound: cache.bound, drain },
    heard: { median: at(requests, 0.5), p99, most: most(heard, 'request'), work: most(heard, 'work') },
    alone: { most: most(alone, 'request'), work: most(alone, 'work') },
    without: { most: most(without, 'request'), work: most(without, 'work') },
    problems,
  }
  if (json) console.log(JSON.stringify(report, null, 2))
  else {
    const ms = (number: number) => `${number.toFixed(0)} ms`
    const { median, most: longest, work } = report.heard
    console.log(
      `PostgreSQL ${report.postgres}, ${processes} processes beside the one that suspends: the last request that any of them lets in, and the last use by work that had begun (drain ${ms(drain)})`,
    )
    console.log(
      `  heard of by ${bus}, ${trials} trials: median ${ms(median)}, p99 ${ms(p99)}, most ${ms(longest)}; work at most ${ms(work)}`,
    )
    if (bus === 'redis')
      console.log(
        `  who suspends has no Redis, ${cut} at once: at most ${ms(report.alone.most)} of ${ms(cache.bound)}; work ${ms(report.alone.work)}`,
      )
    if (bus === 'redis')
      console.log(
        `  nobody has Redis, ${cut} at once: at most ${ms(report.without.most)} of ${ms(cache.bound)}; work ${ms(report.without.work)}`,
      )
    for (const problem of problems) console.log(`  ${problem}`)
  }
  process.exitCode = problems.length === 0 ? 0 : 1
} finally {
  line.end()
  for (const ending of endings) await ending()
}
