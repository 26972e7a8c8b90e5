import { parseArgs } from 'node:util'
import { startPostgres } from '@tenantry/servers'
import { describeMachine, machineOf } from '../machine.ts'
import { describeMeasure, isMissed } from '../measure.ts'
import { bareStatements } from '../pg-schema/application.ts'
import { makeBenchGround, structure } from './bench-ground.ts'
import { compareProvisioning, titles as provisioningTitles } from './provisioning.ts'
import { compareStatements, titles as statementTitles } from './statements.ts'

// What does a database for every tenant cost: in each statement, and to make it?

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '30' },
    operations: { type: 'string', default: '1600' },
  },
})
const rounds = Number(values.rounds)
const operations = Number(values.operations)
if (!(rounds > 0 && operations > 0)) throw new Error('--rounds and --operations take numbers above 0.')

const server = await startPostgres()
try {
  const ground = await makeBenchGround(server, [structure, ...bareStatements].join(';\n'))
  const report = {
    machine: machineOf(server.descriptor.version),
    rounds,
    statements: [
      await compareStatements(ground, { rounds, operations, concurrency: 1 }),
      await compareStatements(ground, { rounds, operations, concurrency: 16 }),
    ],
    provisioning: await compareProvisioning(ground, { rounds }),
  }
  await ground.close()
  const measures = [...report.statements, report.provisioning].flatMap(part => part.measures)
  // So that a script notices; run it on a machine that has nothing else to do.
  process.exitCode = measures.some(isMissed) ? 1 : 0
  const line = (title: string, figure: number, unit: string) =>
    `    ${title.padEnd(55)} ${figure.toFixed(1).padStart(9)} ${unit}`
  const text = [
    '',
    `A database for every tenant, ${describeMachine(report.machine)}`,
    `${rounds} interleaved rounds; medians of the ratios of each round`,
    '',
    ...report.statements.flatMap(({ concurrency, subjects, measures }) => [
      `  point read, concurrency ${concurrency}`,
      ...subjects.map(({ name, microseconds }) => line(statementTitles[name], microseconds, 'µs')),
      ...measures.map(describeMeasure),
      '',
    ]),
    '  a database of fifty tables',
    ...report.provisioning.subjects.map(({ name, milliseconds }) => line(provisioningTitles[name], milliseconds, 'ms')),
    ...report.provisioning.measures.map(describeMeasure),
    '',
  ].join('\n')
  console.log(values.json ? JSON.stringify(report, null, 2) : text)
} finally {
  await server.stop()
}
