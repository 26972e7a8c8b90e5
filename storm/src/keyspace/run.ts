import { randomInt } from 'node:crypto'
import { parseArgs } from 'node:util'
import { startRedis } from '@tenantry/servers'
import { createProgress } from '../progress.ts'
import { type KeyspaceReport, keyspaceStorm } from './keyspace-storm.ts'
import { createKeyspaceWorld, type Mode } from './world.ts'

const usage = 'storm --store redis [--ops 20000] [--mode shared|users|all] [--seed n] [--json]'

function optionsOrExit() {
  try {
    const { values } = parseArgs({
      options: {
        store: { type: 'string' },
        ops: { type: 'string', default: '20000' },
        mode: { type: 'string', default: 'all' },
        seed: { type: 'string' },
        json: { type: 'boolean', default: false },
      },
    })
    const operations = Number(values.ops)
    const seed = values.seed === undefined ? randomInt(2 ** 31) : Number(values.seed)
    const modes = (['shared', 'users'] as const).filter(mode => values.mode === 'all' || values.mode === mode)
    if (!Number.isSafeInteger(operations) || operations < 1) throw new Error('--ops must be a whole number from 1.')
    if (!Number.isSafeInteger(seed)) throw new Error('--seed must be a whole number.')
    if (modes.length === 0) throw new Error('--mode must be shared, users or all.')
    return { operations, seed, modes, json: values.json }
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n${usage}`)
    process.exit(2)
  }
}

const isClean = ({ leaks, wrongAnswers, unexpectedErrors }: KeyspaceReport): boolean =>
  leaks + wrongAnswers + unexpectedErrors === 0

function describe(report: KeyspaceReport): string {
  const { commands, problems, errors } = report
  const codes = Object.entries(errors).map(([code, times]) => `${code} ${times}`)
  return [
    `${isClean(report) ? 'ok    ' : 'FAILED'} ${report.server}, ${report.mode}: ${report.leaks} leaks, ${report.wrongAnswers} wrong answers, ` +
      `${report.unexpectedErrors} unexpected errors in ${report.operations} operations (seed ${report.seed})`,
    `       ${report.rowsChecked} values checked, ${report.unknownRows} of unknown outcome; ${report.seconds} s`,
    `       of the server's table ${commands.sent} commands were sent and ${commands.refused} refused; all ${report.keysChecked} keys that the server finds in them are a tenant's`,
    `       errors that had to be expected: ${codes.join(', ') || 'none'}`,
    ...problems.map(({ kind, operation, name, problem }) => `       ${kind} at ${operation} (${name}): ${problem}`),
  ].join('\n')
}

async function rage(mode: Mode, url: string, operations: number, seed: number): Promise<KeyspaceReport> {
  const progress = createProgress(`redis, ${mode}`, operations)
  const world = await createKeyspaceWorld(url, mode, 200)
  try {
    return await keyspaceStorm(world, { operations, seed, onProgress: progress.at })
  } finally {
    progress.end()
    await world.close()
  }
}

const { operations, seed, modes, json } = optionsOrExit()
// Until it is known to be well: a process that has nothing left to wait for ends without a word.
process.exitCode = 1
const server = await startRedis()
try {
  const reports: KeyspaceReport[] = []
  for (const mode of modes) {
    const report = await rage(mode, server.url, operations, seed)
    reports.push(report)
    if (!json) console.log(describe(report))
  }
  if (json) console.log(JSON.stringify(reports, null, 2))
  process.exitCode = reports.every(isClean) ? 0 : 1
} finally {
  await server.stop()
}
