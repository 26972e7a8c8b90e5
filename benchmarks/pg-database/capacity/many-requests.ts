import type { Tenant } from '@tenantry/core'
import type { BudgetMetrics, PgDatabase } from '@tenantry/pg-database'
import type pg from 'pg'
import type { Measure } from '../../measure.ts'
import { percentile } from './percentile.ts'
import { watchServer } from './watch-server.ts'

/** Plain JSON. */
export interface ManyRequestsResult {
  readonly tenants: number
  readonly requests: number
  readonly seconds: number
  /** Milliseconds. */
  readonly latency: { readonly p50: number; readonly p99: number; readonly most: number }
  /** Of the requests, those that were served by a connection that was there. */
  readonly hitRate: number
  readonly samples: number
  readonly metrics: BudgetMetrics
  readonly measures: readonly Measure[]
}

/** Requests of many tenants in random order, a few at a time; one in a hundred gives up by its own timeout. */
export async function manyRequests(
  isolation: PgDatabase,
  admin: pg.Pool,
  tenants: readonly Tenant[],
  { requests, concurrency }: { readonly requests: number; readonly concurrency: number },
): Promise<ManyRequestsResult> {
  const watch = watchServer(admin, 'bench')
  const latencies: number[] = []
  const counts = { wrong: 0, failed: 0, asked: 0, timeouts: 0 }
  let next = 0
  async function request(at: number): Promise<void> {
    const tenant = tenants[Math.floor(Math.random() * tenants.length)] as Tenant
    const { query } = isolation.handle(() => tenant)
    if (at % 100 === 99) {
      counts.asked += 1
      const outcome = await query({ text: 'select pg_sleep(0.2)', query_timeout: 20 } as pg.QueryConfig).then(
        () => 'done',
        (error: Error) => error.message,
      )
      if (/timeout/i.test(outcome)) counts.timeouts += 1
      return
    }
    const start = performance.now()
    const { rows } = await query('select current_database() as name')
    latencies.push(performance.now() - start)
    if (rows[0].name !== tenant.placement.database) counts.wrong += 1
  }
  async function worker(): Promise<void> {
    for (;;) {
      const at = next++
      if (at >= requests) return
      if (process.stderr.isTTY && at % 100 === 0) process.stderr.write(`\r\x1b[K  requests: ${at} of ${requests} `)
      await request(at).catch((error: unknown) => {
        counts.failed += 1
        if (counts.failed <= 5) console.error(error)
      })
    }
  }
  const start = performance.now()
  await Promise.all(Array.from({ length: concurrency }, worker))
  const seconds = (performance.now() - start) / 1000
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K')
  await watch.stop()
  const metrics = isolation.metrics().connections
  const of = (percent: number) => percentile(latencies, percent)
  return {
    tenants: tenants.length,
    requests,
    seconds,
    latency: { p50: of(50), p99: of(99), most: of(100) },
    hitRate: 1 - metrics.opened / (metrics.hits + metrics.misses),
    samples: watch.samples,
    metrics,
    measures: [
      { what: 'connections on the server, at most', value: watch.most, unit: '', atMost: metrics.max },
      { what: 'answers of another database', value: counts.wrong, unit: '', atMost: 0 },
      { what: 'requests that failed', value: counts.failed, unit: '', atMost: 0 },
      {
        what: 'timeouts that were asked for and did not come',
        value: counts.asked - counts.timeouts,
        unit: '',
        atMost: 0,
      },
    ],
  }
}
