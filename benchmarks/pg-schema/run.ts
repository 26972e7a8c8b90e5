import { parseArgs } from 'node:util'
import { startPostgres } from '@tenantry/servers'
import { machineOf } from '../machine.ts'
import { isMissed } from '../measure.ts'
import { openBenchDatabase } from './bench-database.ts'
import { provisionMany } from './many-tenants.ts'
import { compareProvisioning } from './provisioning.ts'
import { describeReport } from './report.ts'
import { compareStatements } from './statements.ts'

// What does a schema for every tenant cost: to make it, to have a thousand of them, and in each statement?

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '30' },
    operations: { type: 'string', default: '1600' },
    tenants: { type: 'string', default: '1000' },
  },
})
const rounds = Number(values.rounds)
const operations = Number(values.operations)
const tenants = Number(values.tenants)
if (!(rounds > 0 && operations > 0 && tenants >= 10))
  throw new Error('--rounds, --operations and --tenants take numbers, the last one of at least 10.')

const server = await startPostgres()
try {
  const measured = async <T>(measure: (database: Awaited<ReturnType<typeof openBenchDatabase>>) => Promise<T>) => {
    const database = await openBenchDatabase(await server.freshDatabase())
    try {
      return await measure(database)
    } finally {
      await database.close()
    }
  }
  const report = {
    machine: machineOf(server.descriptor.version),
    rounds,
    // A database each: what one has made is in the way of nothing that another measures.
    provisioning: await measured(database => compareProvisioning(database, { rounds })),
    statements: await measured(async database => [
      await compareStatements(database, { rounds, operations, tenants: 1 }),
      await compareStatements(database, { rounds, operations, tenants: 10 }),
    ]),
    manyTenants: await measured(database => provisionMany(database, tenants)),
  }
  const measures = [report.provisioning, ...report.statements, report.manyTenants].flatMap(part => part.measures)
  // So that a script notices; run it on a machine that has nothing else to do.
  process.exitCode = measures.some(isMissed) ? 1 : 0
  console.log(values.json ? JSON.stringify(report, null, 2) : describeReport(report))
} finally {
  await server.stop()
}
