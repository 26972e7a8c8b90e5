// Every gate, each for its own reason. `npm test` and `npm run check` are this.
//   node tools/scripts/check.mjs [--json] [gate …]
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

const { values: options, positionals } = parseArgs({ options: { json: { type: 'boolean' } }, allowPositionals: true })
const scratch = mkdtempSync(join(tmpdir(), 'tenantry-check-'))
const report = join(scratch, 'vitest.json')
const packages = readdirSync('packages').map(name => join('packages', name))

const gates = [
  // One style, and the mistakes that a linter knows.
  { name: 'style', commands: [['biome', 'check', '.']] },
  // Types of sources, tests, examples and benchmarks; `@ts-expect-error` in *.types.ts are the type tests.
  { name: 'types', commands: [['tsc', '-p', 'tsconfig.json']] },
  // The arrows of ARCHITECTURE.md.
  {
    name: 'arrows',
    commands: [
      [
        'depcruise',
        '--config',
        '.dependency-cruiser.mjs',
        '--output-type',
        'err',
        'packages',
        'tools',
        'examples',
        'benchmarks',
        'storm',
      ],
    ],
  },
  // No file, export or dependency that nobody uses.
  { name: 'unused', commands: [['knip']] },
  // The tables of behaviours and of threats, and what proves each.
  {
    name: 'docs',
    commands: [
      ['node', 'tools/scripts/behaviours.mjs', '--check'],
      ['node', 'tools/scripts/threats.mjs', '--check'],
      ['node', 'mutants/run.mjs', '--check'],
    ],
  },
  // What is published is what is built …
  { name: 'build', commands: [['pnpm', '--silent', 'run', 'build']] },
  // … works for those who import it: the manifest, and the types under every module resolution (ESM only, on purpose).
  {
    name: 'packages',
    commands: packages.flatMap(directory => [
      ['publint', 'run', '--strict', '--pack', 'pnpm', directory],
      ['pnpm', '--dir', directory, 'pack', '--out', join(scratch, `${directory.split('/').pop()}.tgz`)],
      ['attw', '--profile', 'esm-only', join(scratch, `${directory.split('/').pop()}.tgz`)],
    ]),
  },
  // The laws, the properties, the regressions; on Postgres 18, and again on 15.
  {
    name: 'tests',
    commands: [['vitest', 'run', '--reporter', 'default', '--reporter', 'json', '--outputFile.json', report]],
    loud: true,
  },
]

for (const name of positionals) {
  if (!gates.some(gate => gate.name === name)) {
    console.error(`There is no gate "${name}". Gates: ${gates.map(gate => gate.name).join(', ')}.`)
    process.exit(2)
  }
}

/** Databases in memory are a good deal faster, where there is enough of it. */
function fastTemporaryDirectory() {
  try {
    const { bavail, bsize } = statfsSync('/dev/shm')
    return bavail * bsize > 2 * 1024 ** 3 ? '/dev/shm' : tmpdir()
  } catch {
    // Not on Linux.
    return tmpdir()
  }
}

const env = {
  ...process.env,
  TMPDIR: process.env.TMPDIR ?? fastTemporaryDirectory(),
  PATH: `${join(process.cwd(), 'node_modules', '.bin')}:${process.env.PATH}`,
}

const results = []
for (const gate of gates) {
  if (positionals.length > 0 && !positionals.includes(gate.name)) continue
  const start = performance.now()
  const failed = gate.commands.find(([command, ...args]) => {
    const stdio = gate.loud && !options.json ? ['ignore', 'inherit', 'inherit'] : 'pipe'
    const { status, stdout, stderr, error } = spawnSync(command, args, {
      env,
      stdio,
      encoding: 'utf8',
      maxBuffer: 2 ** 28,
    })
    if (status === 0) return false
    console.error(`${stdout ?? ''}${stderr ?? ''}${error ?? ''}`)
    return true
  })
  const seconds = Number(((performance.now() - start) / 1000).toFixed(1))
  results.push({ gate: gate.name, passed: failed === undefined, seconds })
  if (!options.json)
    console.log(
      `${failed === undefined ? 'ok    ' : 'FAILED'} ${gate.name} (${seconds} s)${failed ? `: ${failed.join(' ')}` : ''}`,
    )
}

const summary = { passed: 0, failed: 0, skipped: 0 }
if (results.some(({ gate }) => gate === 'tests')) {
  try {
    const counted = JSON.parse(readFileSync(report, 'utf8'))
    summary.passed = counted.numPassedTests
    summary.failed = counted.numFailedTests + counted.numFailedTestSuites
    summary.skipped = counted.numPendingTests + counted.numTodoTests
  } catch (error) {
    console.error(`The tests left no report: ${error.message}`)
    summary.failed += 1
  }
}
rmSync(scratch, { recursive: true, force: true })

const bad = results.filter(({ passed }) => !passed).map(({ gate }) => gate)
if (options.json) console.log(JSON.stringify({ gates: results, tests: summary }, null, 2))
else {
  if (summary.skipped > 0) console.log(`\nSKIPPED, not passed: ${summary.skipped} tests. Their names say why.`)
  if (bad.length > 0) console.log(`\nFailed gates: ${bad.join(', ')}. Run one alone: npm run check -- ${bad[0]}`)
  if (results.some(({ gate }) => gate === 'tests'))
    console.log(`\n${summary.passed} passed, ${summary.failed} failed, ${summary.skipped} skipped`)
}
process.exitCode = bad.length === 0 && summary.failed === 0 ? 0 : 1
