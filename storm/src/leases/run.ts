import { startPostgres } from '@tenantry/servers'
import { leaseStorm } from './lease-storm.ts'
import { type LeaseStormOptions, readLeaseOptions, usage } from './options.ts'
import { describeLeases, isWell } from './report.ts'
import { showLine } from './show-line.ts'

function optionsOrExit(): LeaseStormOptions {
  try {
    return readLeaseOptions(process.argv.slice(2))
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n${usage}`)
    process.exit(2)
  }
}

const { minutes, postgres, json } = optionsOrExit()
const env = postgres === '15' ? { ...process.env, TENANTRY_PG: '15', TENANTRY_PG_URL: '' } : process.env
// Until it is known to be well: a process that has nothing left to wait for ends without a word.
process.exitCode = 1
const server = await startPostgres({ env })
const line = showLine()
try {
  const report = await leaseStorm({ server, minutes, onProgress: line.show })
  line.end()
  console.log(json ? JSON.stringify(report, null, 2) : describeLeases(report))
  process.exitCode = isWell(report) ? 0 : 1
} finally {
  line.end()
  await server.stop()
}
