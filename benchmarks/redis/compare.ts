import type { Tenant } from '@tenantry/core'
import { redisKeyspace } from '@tenantry/redis'
import { Redis } from 'ioredis'
import { interleave } from '../interleave.ts'
import type { Measure } from '../measure.ts'
import { median, medianOfRounds } from '../median.ts'
import { benchTenants } from './bench-tenants.ts'

/** One way to use Redis, measured; plain JSON. */
export interface Comparison {
  readonly what: string
  readonly concurrency: number
  /** Microseconds an operation, by hand and scoped. */
  readonly byHand: number
  readonly scoped: number
  readonly measures: readonly Measure[]
}

/** How it is measured. */
export interface CompareOptions {
  readonly rounds: number
  readonly operations: number
}

const goal = 1.1
const nothing = (): void => undefined
const inBatch = 20

/** `TenantRedis` beside ioredis with a prefix that is written by hand, on two connections to one server. */
export async function compareCommands(
  url: string,
  { rounds, operations }: CompareOptions,
): Promise<readonly Comparison[]> {
  const raw = new Redis(url)
  const client = new Redis(url)
  const tenants = benchTenants(50)
  let current = tenants[0] as Tenant
  const logger = { debug: nothing, info: nothing, warn: nothing, error: nothing }
  const isolation = redisKeyspace({ client, logger })
  const scoped = isolation.handle(() => current)
  await isolation.ready()
  const tenantAt = (at: number): Tenant => tenants[at % tenants.length] as Tenant
  const prefixOf = (at: number): string => `t:${tenantAt(at).id}:`
  for (let at = 0; at < tenants.length; at++) {
    const prefix = prefixOf(at)
    for (let key = 0; key < 20; key++) await raw.set(`${prefix}key:${key}`, `value ${key}`.repeat(10))
  }
  const value = 'value '.repeat(10)
  const subjects = {
    get: {
      byHand: (at: number) => raw.get(`${prefixOf(at)}key:${at % 20}`),
      scoped: (at: number) => {
        current = tenantAt(at)
        return scoped.get(`key:${at % 20}`)
      },
    },
    set: {
      byHand: (at: number) => raw.set(`${prefixOf(at)}key:${at % 20}`, value, 'EX', 600),
      scoped: (at: number) => {
        current = tenantAt(at)
        return scoped.set(`key:${at % 20}`, value, 'EX', 600)
      },
    },
    [`a pipeline of ${inBatch}, half of them SET`]: {
      byHand: (at: number) => {
        const prefix = prefixOf(at)
        const pipeline = raw.pipeline()
        for (let key = 0; key < inBatch; key += 2)
          pipeline.get(`${prefix}key:${key}`).set(`${prefix}key:${key + 1}`, value)
        return pipeline.exec()
      },
      scoped: (at: number) => {
        current = tenantAt(at)
        const pipeline = scoped.pipeline()
        for (let key = 0; key < inBatch; key += 2) pipeline.get(`key:${key}`).set(`key:${key + 1}`, value)
        return pipeline.exec()
      },
    },
  }
  const found: Comparison[] = []
  for (const [what, pair] of Object.entries(subjects)) {
    for (const concurrency of [1, 16]) {
      const share = what.startsWith('a pipeline') ? Math.ceil(operations / 2) : operations
      const times = await interleave(pair, {
        title: `${what}, ${concurrency} at a time`,
        rounds,
        operations: share,
        concurrency,
        argument: at => at,
      })
      const ratio = medianOfRounds(times, round => round.scoped / round.byHand)
      found.push({
        ...{ what, concurrency, byHand: median(times.byHand), scoped: median(times.scoped) },
        measures: [{ what: 'scoped / by hand', value: ratio, unit: '×', atMost: goal }],
      })
    }
  }
  await isolation.close()
  raw.disconnect()
  client.disconnect()
  return found
}
