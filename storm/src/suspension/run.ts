import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { parseArgs } from 'node:util'
import { cachedRegistry, createLifecycle, type Lifecycle } from '@tenantry/core'
import { migrateRegistry, postgresRegistry } from '@tenantry/pg/registry'
import { redisChanges, redisSharedEntries } from '@tenantry/redis'
import { startPostgres, startRedis } from '@tenantry/servers'
import { Redis } from 'ioredis'
import pg from 'pg'
import { showLine } from '../leases/show-line.ts'
import type { Way } from './messages.ts'
import { heard, trial } from './trial.ts'

const usage = 'storm --suspension [--trials 200] [--processes 4] [--json]'

/** A way of telling, what is broken in it, and the milliseconds within which the 99th of 100 must refuse. */
interface Scene {
  readonly name: string
  readonly way: Way
  /** Whether whoever suspends reaches Redis. */
  readonly tells: boolean
  readonly within: number
  /** Tenants at once, where each trial takes as long as the bound. */
  readonly together: boolean
}

const scenes: readonly Scene[] = [
  { name: 'told by Redis', way: 'redis', tells: true, within: 1_000, together: false },
  { name: 'Redis cut off, told by Postgres', way: 'postgres', tells: false, within: 1_000, together: false },
  {
    name: 'Redis cut off from whoever suspends, nobody tells',
    way: 'redis',
    tells: false,
    within: 25_000,
    together: true,
  },
  { name: 'no bus at all', way: 'none', tells: false, within: 25_000, together: true },
]

function optionsOrExit(): { trials: number; processes: number; json: boolean } {
  const { values } = parseArgs({
    options: {
      suspension: { type: 'boolean' },
      trials: { type: 'string', default: '200' },
      processes: { type: 'string', default: '4' },
      json: { type: 'boolean', default: false },
    },
  })
  const [trials, processes] = [Number(values.trials), Number(values.processes)]
  if (Number.isSafeInteger(trials) && trials > 0 && Number.isSafeInteger(processes) && processes > 0)
    return { trials, processes, json: values.json }
  console.error(usage)
  process.exit(2)
}

const { trials, processes, json } = optionsOrExit()
// Until it is known to be well: a process that has nothing left to wait for ends without a word.
process.exitCode = 1
const line = showLine()
const closing: (() => Promise<unknown>)[] = []
const quiet = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }

try {
  const server = await startPostgres()
  closing.push(server.stop)
  const redis = await startRedis()
  closing.push(redis.stop)
  const database = await server.freshDatabase()
  const owner = new pg.Pool({ connectionString: database.ownerUrl, max: 1 })
  await migrateRegistry({ pool: owner, role: database.runtimeRole })
  await owner.end()
  const pool = new pg.Pool({ connectionString: database.runtimeUrl, max: 4 })
  closing.push(() => pool.end())
  const store = postgresRegistry({ pool })

  /** The life cycle of whoever suspends. */
  async function open(scene: Scene): Promise<{ lifecycle: Lifecycle; close(): Promise<unknown> }> {
    if (!scene.tells) return { lifecycle: createLifecycle({ store, logger: quiet }), close: async () => undefined }
    const client = new Redis(redis.url)
    const subscriber = client.duplicate()
    const cache = cachedRegistry(store, {
      shared: redisSharedEntries({ client }),
      buses: [redisChanges({ client, subscriber })],
    })
    const close = async () => {
      await cache.close()
      for (const each of [client, subscriber]) each.disconnect()
    }
    return { lifecycle: createLifecycle({ store, announce: cache.announce, logger: quiet }), close }
  }

  const results = []
  for (const [index, scene] of scenes.entries()) {
    const { lifecycle, close } = await open(scene)
    const children: ChildProcess[] = Array.from({ length: processes }, () =>
      fork(new URL('./server-process.ts', import.meta.url), { execArgv: process.execArgv }),
    )
    const delays: number[] = []
    const problems: string[] = []
    try {
      const opened = children.map(child => heard(child, word => word.kind === 'open'))
      for (const child of children)
        child.send({ kind: 'open', registry: database.runtimeUrl, redis: redis.url, way: scene.way })
      await Promise.all(opened)
      const ids = Array.from({ length: trials }, (_, number) => `s${index}-${number}`)
      for (const id of ids) await lifecycle.create({ id, slug: id, name: id }, { actor: 'storm' })
      const rounds = scene.together ? [ids] : ids.map(id => [id])
      for (const [round, hosts] of rounds.entries()) {
        const seen = await trial(children, lifecycle, hosts)
        delays.push(...seen.delays)
        problems.push(...seen.problems)
        if (round % 20 === 19) line.show(`${scene.name}: ${round + 1} of ${rounds.length}`)
      }
    } finally {
      for (const child of children) {
        child.removeAllListeners('exit')
        if (child.connected) child.disconnect()
        if (child.exitCode === null) await once(child, 'exit')
      }
      await close()
    }
    delays.sort((a, b) => a - b)
    const at = (share: number) => delays[Math.min(delays.length - 1, Math.floor(delays.length * share))] ?? Number.NaN
    // A bound is a bound for all of them.
    const worst = scene.together ? at(1) : at(0.99)
    const isWell = problems.length === 0 && delays.length === trials * processes && worst <= scene.within
    results.push({
      ...scene,
      trials,
      refusals: delays.length,
      p50: at(0.5),
      p99: at(0.99),
      most: at(1),
      problems,
      isWell,
    })
    line.end()
    if (!json) {
      console.log(
        `${isWell ? 'ok    ' : 'FAILED'} ${scene.name}: ${delays.length} refusals by ${processes} processes; p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, ` +
          `at most ${at(1)} ms (goal: ${scene.together ? 'all' : 'p99'} within ${scene.within} ms)`,
      )
      for (const problem of problems.slice(0, 10)) console.log(`  ${problem}`)
    }
  }
  if (json) console.log(JSON.stringify(results, null, 2))
  process.exitCode = results.every(({ isWell }) => isWell) ? 0 : 1
} finally {
  line.end()
  for (const close of closing.reverse()) await close()
}
