import { parseArgs } from 'node:util'
import { machineOf } from '../machine.ts'
import { describeMeasure, isMissed } from '../measure.ts'
import { measureMemory } from './memory.ts'
import { measureResolution } from './resolution.ts'

// What does a tenant cost that is known already? A request that is resolved by its host, and the cache alone, beside a Map that holds
// the tenants; and the memory of each. No I/O in any of it.

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '60' },
    operations: { type: 'string', default: '20000' },
    tenants: { type: 'string', default: '100000' },
  },
})

const { node, cpus, model } = machineOf('')
const report = {
  machine: { node, cpus, model },
  resolution: await measureResolution(Number(values.rounds), Number(values.operations)),
  memory: await measureMemory(Number(values.tenants)),
}
// So that a script notices; run it on a machine that has nothing else to do.
const measures = [...report.resolution.measures, ...report.memory.measures]
process.exitCode = measures.some(isMissed) ? 1 : 0
if (values.json) console.log(JSON.stringify(report, null, 2))
else {
  console.log(`Node ${node}, ${cpus} × ${model}; ${values.rounds} rounds of ${values.operations} operations`)
  console.log('  1,000 tenants that are known')
  for (const measure of report.resolution.measures) console.log(describeMeasure(measure))
  console.log(`  ${values.tenants} tenants that are known`)
  for (const measure of report.memory.measures) console.log(describeMeasure(measure))
}
