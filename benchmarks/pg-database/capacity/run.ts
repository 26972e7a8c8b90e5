import { parseArgs } from 'node:util'
import { startPostgres } from '@tenantry/servers'
import { describeMachine, machineOf } from '../../machine.ts'
import { describeMeasure, isMissed } from '../../measure.ts'
import { makeBenchGround, structure } from '../bench-ground.ts'
import { loudNeighbour } from './loud-neighbour.ts'
import { manyRequests } from './many-requests.ts'

// Does one budget hold for many tenants, and does each get its share of it?

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    tenants: { type: 'string', default: '300' },
    requests: { type: 'string', default: '100000' },
    rounds: { type: 'string', default: '7' },
  },
})
const [tenants, requests, rounds] = [values.tenants, values.requests, values.rounds].map(Number) as [
  number,
  number,
  number,
]
if (!(tenants >= 31 && requests > 0 && rounds > 0))
  throw new Error('--tenants takes 31 or more, --requests and --rounds numbers above 0.')
const connections = { max: 20, maxPerTenant: 5, queueTimeout: 60_000 }

const server = await startPostgres()
try {
  const ground = await makeBenchGround(server, structure)
  const isolation = ground.open({ connections })
  const all = Array.from({ length: tenants }, () => ground.tenant())
  let made = 0
  for (const tenant of all) {
    await isolation.provision(tenant)
    made += 1
    if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K  databases: ${made} of ${tenants} `)
  }
  const report = {
    machine: machineOf(server.descriptor.version),
    connections,
    many: await manyRequests(isolation, ground.admin, all, { requests, concurrency: 64 }),
    loud: await loudNeighbour(isolation, all.slice(0, 31), { rounds }),
  }
  await ground.close()
  const { machine, many, loud } = report
  const measures = [...many.measures, ...loud.measures]
  process.exitCode = measures.some(isMissed) ? 1 : 0
  const { latency, metrics } = many
  const text = [
    '',
    `${many.tenants} databases behind ${metrics.max} connections, ${describeMachine(machine)}`,
    '',
    `  ${many.requests} requests in random order, 64 at a time, in ${many.seconds.toFixed(0)} s (${Math.round(many.requests / many.seconds)}/s)`,
    `    latency ${latency.p50.toFixed(1)} ms in the middle, p99 ${latency.p99.toFixed(1)} ms, at most ${latency.most.toFixed(0)} ms`,
    `    a connection was there for ${(many.hitRate * 100).toFixed(1)} % of them; ${metrics.opened} opened, ${metrics.evicted + metrics.yielded} closed for another tenant`,
    `    the server was looked at ${many.samples} times`,
    ...many.measures.map(describeMeasure),
    '',
    `  30 tenants beside one that has 100 requests at a time, ${loud.rounds} rounds of each`,
    `    p99 of the others beside a quiet one, ms  ${loud.quiet.map(ms => ms.toFixed(0)).join('  ')}`,
    `    p99 of the others beside a loud one, ms   ${loud.loud.map(ms => ms.toFixed(0)).join('  ')}`,
    `    the loud one got ${loud.neighbour.toFixed(0)} requests a second done`,
    ...loud.measures.map(describeMeasure),
    '',
  ].join('\n')
  console.log(values.json ? JSON.stringify(report, null, 2) : text)
} finally {
  await server.stop()
}
