import { parseArgs } from 'node:util'
import { startPostgres } from '@tenantry/servers'
import { machineOf } from '../machine.ts'
import { isMissed } from '../measure.ts'
import { openBenchDatabase } from './bench-database.ts'
import { compareStatements } from './compare-statements.ts'
import { describeReport } from './report.ts'
import { measureSealCost } from './seal-cost.ts'

// What does a tenant cost, and what does its seal? Point reads by primary key, in turns, so that the machine's moods meet all
// subjects alike. Ratios are taken round by round, then their median.

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '120' },
    operations: { type: 'string', default: '320' },
  },
})
const rounds = Number(values.rounds)
const operations = Number(values.operations)

const server = await startPostgres()
try {
  const databases = {
    none: await openBenchDatabase(await server.freshDatabase(), 'none'),
    stamp: await openBenchDatabase(await server.freshDatabase(), 'stamp'),
    challenge: await openBenchDatabase(await server.freshDatabase(), 'challenge'),
  }
  const report = {
    machine: machineOf(server.descriptor.version),
    rounds,
    operations,
    statements: await compareStatements(databases, { rounds, operations, local: server.pid !== undefined }),
    sealCost: await measureSealCost(databases, rounds * 4),
  }
  for (const database of Object.values(databases)) await database.close()

  const measures = [...report.statements.flatMap(result => result.measures), ...report.sealCost]
  // So that a script notices; run it on a machine that has nothing else to do.
  process.exitCode = measures.some(isMissed) ? 1 : 0
  console.log(values.json ? JSON.stringify(report, null, 2) : describeReport(report))
} finally {
  await server.stop()
}
