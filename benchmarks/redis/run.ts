import { parseArgs } from 'node:util'
import { startRedis } from '@tenantry/servers'
import { machineOf } from '../machine.ts'
import { describeMeasure, isMissed } from '../measure.ts'
import { compareCommands } from './compare.ts'
import { connectMany } from './connect-many.ts'

// What does the key space cost? The same commands through a handle, and through ioredis with a prefix written by hand, in turns; and
// 500 tenants come to a process that may have clients for 20.

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '80' },
    operations: { type: 'string', default: '640' },
    tenants: { type: 'string', default: '500' },
  },
})
const rounds = Number(values.rounds)
const operations = Number(values.operations)

const server = await startRedis()
try {
  const { node, cpus, model } = machineOf('')
  const report = {
    machine: { node, cpus, model },
    ...{ rounds, operations },
    commands: await compareCommands(server.url, { rounds, operations }),
    many: await connectMany(server.url, Number(values.tenants)),
  }
  const measures = [...report.commands.flatMap(result => result.measures), ...report.many.measures]
  // So that a script notices; run it on a machine that has nothing else to do.
  process.exitCode = measures.some(isMissed) ? 1 : 0
  if (values.json) console.log(JSON.stringify(report, null, 2))
  else {
    console.log(`Redis, Node ${node}, ${cpus} × ${model}; ${rounds} rounds of ${operations} operations`)
    for (const { what, concurrency, byHand, scoped, measures: own } of report.commands) {
      console.log(
        `  ${what}, ${concurrency} at a time: by hand ${byHand.toFixed(1)} µs, scoped ${scoped.toFixed(1)} µs`,
      )
      for (const measure of own) console.log(describeMeasure(measure))
    }
    console.log(`  ${report.many.requests} requests of ${report.many.tenants} tenants, each with a client of its own`)
    for (const measure of report.many.measures) console.log(describeMeasure(measure))
  }
} finally {
  await server.stop()
}
