// A process of its own, which serves tenants and hears of their suspension by the registry and its cache only.
import { setTimeout as sleep } from 'node:timers/promises'
import { createTenancy, host, type RequestView, type Tenancy } from '@tenantry/core'
import { postgresRegistry } from '@tenantry/pg/registry'
import pg from 'pg'
import { errorCode } from '../error-code.ts'
import { clock, type Order, type Word } from './messages.ts'
import { openCache, quiet } from './open-cache.ts'

const say = (word: Word): void => void process.send?.(word)
const endings: (() => unknown)[] = []
let tenancy: Tenancy | undefined

async function open({ drain, ...place }: Extract<Order, { kind: 'open' }>): Promise<void> {
  const pool = new pg.Pool({ connectionString: place.registry, max: 4 })
  // When the server stops, whatever is wrong has been said already.
  pool.on('error', () => undefined)
  const { cache, clients } = await openCache(postgresRegistry({ pool, logger: quiet }), place)
  endings.push(
    () => cache.close(),
    () => pool.end(),
    () => {
      for (const client of clients) client.disconnect()
    },
  )
  const resolvers = [host({ baseDomains: ['example.com'] })]
  tenancy = createTenancy({ registry: cache, resolvers, drain, logger: quiet })
  say({ kind: 'open' })
}

async function serve(tenant: string): Promise<void> {
  const at = tenancy
  if (at === undefined) throw new Error('It was not opened.')
  const view: RequestView = { target: '/', header: name => (name === 'host' ? [`${tenant}.example.com`] : []) }
  const first = await at.resolve(view)
  say({ kind: 'serving', tenant })
  const [request, work] = await Promise.all([
    untilRefused(async () => at.run(await at.resolve(view), () => at.current())),
    at.run(first, () => untilRefused(async () => at.current())),
  ])
  const codes = [...new Set([request.code, work.code])].join(' and ')
  say({ kind: 'refused', tenant, code: codes, lastRequest: request.last, lastWork: work.last })
}

async function untilRefused(
  attempt: () => Promise<unknown>,
): Promise<{ readonly last: number; readonly code: string }> {
  for (let last = clock(); ; ) {
    try {
      await attempt()
    } catch (error) {
      return { last, code: errorCode(error) }
    }
    last = clock()
    await sleep(1)
  }
}

async function end(): Promise<void> {
  for (const ending of endings) await ending()
  process.disconnect()
}

process.on('message', (order: Order) => {
  const work = order.kind === 'open' ? open(order) : order.kind === 'serve' ? serve(order.tenant) : end()
  work.catch((error: unknown) =>
    say({ kind: 'problem', problem: error instanceof Error ? `${error.stack}` : `${error}` }),
  )
})
// Whoever started it has gone.
process.on('disconnect', () => setImmediate(() => process.exit()))
