import { parseArgs } from 'node:util'
import { startPostgres } from '@tenantry/servers'
import { describeMachine, machineOf } from '../machine.ts'
import { describeMeasure, isMissed } from '../measure.ts'
import { compareLookups } from './lookups.ts'
import { registryOf } from './registry-of.ts'

// Does a lookup that nothing has cached take longer in a registry of a million tenants than in one of a thousand?

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '40' },
    operations: { type: 'string', default: '500' },
    few: { type: 'string', default: '1000' },
    many: { type: 'string', default: '1000000' },
  },
})
const rounds = Number(values.rounds)
const operations = Number(values.operations)
if (!(rounds > 0 && operations > 0 && Number(values.few) > 0 && Number(values.many) > 0))
  throw new Error('--rounds, --operations, --few and --many take numbers.')

const server = await startPostgres()
try {
  const few = await registryOf(await server.freshDatabase(), Number(values.few))
  const many = await registryOf(await server.freshDatabase(), Number(values.many))
  const report = {
    machine: machineOf(server.descriptor.version),
    ...{ rounds, operations },
    // Of one tenant, in bulk: no round trip for each.
    writing: { few: few.writing, many: many.writing },
    lookups: await compareLookups(few, many, { rounds, operations }),
  }
  await few.close()
  await many.close()
  // So that a script notices; run it on a machine that has nothing else to do.
  process.exitCode = report.lookups.flatMap(({ measures }) => measures).some(isMissed) ? 1 : 0
  if (values.json) console.log(JSON.stringify(report, null, 2))
  else {
    console.log(
      `The Postgres registry, ${describeMachine(report.machine)}; ${rounds} interleaved rounds of ${operations}`,
    )
    console.log(`  written through the guards, µs a tenant: ${few.writing.toFixed(0)}, ${many.writing.toFixed(0)}`)
    for (const { kind, few: small, many: large, measures } of report.lookups) {
      console.log(`  uncached lookup by ${kind}: ${small.toFixed(1)} µs, ${large.toFixed(1)} µs`)
      for (const measure of measures) console.log(describeMeasure(measure))
    }
  }
} finally {
  await server.stop()
}
