// A process of its own, so that nothing but the registry keeps the processes apart.
import { createLifecycle, type Logger, type Tenant } from '@tenantry/core'
import { postgresRegistry } from '@tenantry/pg/registry'
import pg from 'pg'
import { createRandom } from '../random.ts'
import { contend, usurp } from './contend.ts'
import type { Orders, Tally, Word } from './messages.ts'
import { runSequence } from './sequence.ts'
import { things } from './things.ts'

/** Sequences at once in one process, over this many connections. */
const concurrency = 8
const connections = 4

const quiet: Logger = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }
const say = (word: Word): void => void process.send?.(word)

async function work({ registry, things: url, process: own, sequences, seed, shared }: Orders): Promise<Tally> {
  const pool = new pg.Pool({ connectionString: registry, max: connections })
  const thingsPool = new pg.Pool({ connectionString: url, max: connections })
  const store = postgresRegistry({ pool })
  const broken = new Set<string>()
  const participant = things(thingsPool)
  const fragile = {
    ...participant,
    provision: async (tenant: Tenant, step: string) => {
      await participant.provision?.(tenant, step)
      if (broken.has(tenant.id)) throw new Error('broken')
    },
  }
  const options = { store, allowRestore: true, logger: quiet }
  const bare = createLifecycle(options)
  const full = createLifecycle({ ...options, participants: [fragile] })
  const tally = { operations: 0, refusals: 0, conflicts: 0, counted: {} as Record<string, number> }
  const thingOf = async (tenant: string) => {
    const { rows } = await thingsPool.query<{ state: string }>('select state from things where tenant = $1', [tenant])
    return rows[0]?.state
  }
  const count = (what: 'operations' | 'refusals') => void tally[what]++
  const parts = { store, bare, full, broken, thingOf, count }

  // Who is first makes them; all the others find them.
  for (const flag of ['isDefault', 'isControl'] as const) {
    await bare.ensure({ slug: flag.toLowerCase(), name: flag, [flag]: true }, { actor: 'storm' })
  }
  let next = 0
  async function lane(): Promise<void> {
    for (;;) {
      const sequence = next++
      if (sequence >= sequences) return
      const random = createRandom(seed, sequence * 64 + own)
      const id = `p${own}-${sequence}`
      const problems = [...(await runSequence(id, random, parts))]
      if (random.chance(0.3)) {
        const tenant = random.pick(shared)
        const result = await contend(tenant, random, store, random.chance(0.5) ? bare : full)
        tally.operations += 1
        if ('problem' in result) problems.push(result.problem)
        else if ('conflict' in result) tally.conflicts += 1
        else if (result.counted) tally.counted[tenant] = (tally.counted[tenant] ?? 0) + 1
      }
      if (random.chance(0.02))
        problems.push(...[await usurp(`${id}-u`, random, bare)].filter(problem => problem !== undefined))
      for (const problem of problems) say({ kind: 'problem', sequence, problem })
      if (sequence % 100 === 99) say({ kind: 'progress', done: sequence + 1 })
    }
  }
  await Promise.all(Array.from({ length: concurrency }, lane))
  await Promise.all([pool.end(), thingsPool.end()])
  return tally
}

process.on('message', (orders: Orders) => {
  work(orders).then(
    tally => {
      say({ kind: 'end', tally })
      process.disconnect()
    },
    (error: unknown) => {
      say({ kind: 'problem', sequence: -1, problem: String(error instanceof Error ? error.stack : error) })
      process.exitCode = 1
      process.disconnect()
    },
  )
})
// Whoever started it has gone.
process.on('disconnect', () => setImmediate(() => process.exit()))
