import { parseArgs } from 'node:util'
import { createProgress } from '../progress.ts'
import { fuzzResolution } from './fuzz.ts'

// Does the chain of resolvers decide as a second description of it says, whatever requests carry?

const { values } = parseArgs({
  options: {
    requests: { type: 'string', default: '100000' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    json: { type: 'boolean', default: false },
  },
})
const [requests, seed] = [Number(values.requests), Number(values.seed)]
if (!(Number.isSafeInteger(requests) && requests > 0 && Number.isSafeInteger(seed))) {
  console.error('Usage: npm run fuzz:resolution -- [--requests 100000] [--seed N] [--json]')
  process.exit(2)
}
process.exitCode = 1
const from = performance.now()
const progress = createProgress(`resolution, seed ${seed}`, requests)
const report = await fuzzResolution({ requests, seed, onProgress: progress.at })
progress.end()
const seconds = Number(((performance.now() - from) / 1000).toFixed(1))
if (values.json) console.log(JSON.stringify({ seed, seconds, ...report }, null, 2))
else {
  // What was sent is made for this and leads nowhere: tokens and keys may be shown.
  for (const each of report.disagreements) console.log(JSON.stringify(each))
  for (const [verdict, count] of Object.entries(report.verdicts).sort(([, a], [, b]) => b - a))
    console.log(`  ${verdict.padEnd(30)}${String(count).padStart(9)}`)
  console.log(`${report.disagreements.length} disagreements in ${report.requests} requests, seed ${seed}, ${seconds} s`)
}
process.exitCode = report.disagreements.length === 0 ? 0 : 1
