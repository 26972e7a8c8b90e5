import { parseArgs } from 'node:util'
import { startMongo } from '@tenantry/servers'
import { machineOf } from '../machine.ts'
import { isMissed } from '../measure.ts'
import { compareReads } from './compare-reads.ts'
import { connectMany } from './connect-many.ts'
import { describeReport } from './report.ts'

// What does the fence cost? Documents are found by their ids through a handle and through the driver, in turns; and 500 tenants come
// to a process that may have clients for a few of them.

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '80' },
    operations: { type: 'string', default: '320' },
    tenants: { type: 'string', default: '500' },
  },
})
const rounds = Number(values.rounds)
const operations = Number(values.operations)

const server = await startMongo()
try {
  const { node, cpus, model } = machineOf('')
  const report = {
    machine: { mongo: server.label, node, cpus, model },
    rounds,
    operations,
    reads: await compareReads(server, { rounds, operations }),
    many: await connectMany(server, Number(values.tenants)),
  }
  const measures = [...report.reads.flatMap(result => result.measures), ...report.many.measures]
  // So that a script notices; run it on a machine that has nothing else to do.
  process.exitCode = measures.some(isMissed) ? 1 : 0
  console.log(values.json ? JSON.stringify(report, null, 2) : describeReport(report))
} finally {
  await server.stop()
}
