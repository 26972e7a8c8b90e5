// Breaks Tenantry on purpose, one line at a time, and asks which test notices. 100 % or it fails.
//   node mutants/run.mjs [--json] [--only TEXT] [--jobs N]
//   node mutants/run.mjs --check   only whether the list fits the sources
// Works on copies of the repository, so that the checkout is never broken.
import { spawn } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { mutants } from './list.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const { values: options } = parseArgs({
  options: {
    json: { type: 'boolean' },
    only: { type: 'string', default: '' },
    jobs: { type: 'string' },
    check: { type: 'boolean' },
  },
})
const jobs = Number(options.jobs ?? Math.min(2, availableParallelism()))
const chosen = mutants.filter(({ name, file }) => `${file} ${name}`.includes(options.only))
if (chosen.length === 0) {
  console.error(`No mutant's name or file has "${options.only}" in it.`)
  process.exit(2)
}

/** A copy of the sources. Installed packages are shared; links between workspace packages lead to the copy's own. */
function copyRepository(target) {
  for (const name of readdirSync(root)) {
    if (['.git', 'node_modules', 'mutants'].includes(name)) continue
    cpSync(join(root, name), join(target, name), {
      recursive: true,
      verbatimSymlinks: true,
      filter: source => !source.endsWith('/dist') && !source.includes('/.vite'),
    })
  }
  symlinkSync(join(root, 'node_modules'), join(target, 'node_modules'))
}

/** Runs one test file and tells which of its tests failed. */
function runTests(copy, { project, test }) {
  const report = join(copy, 'report.json')
  rmSync(report, { force: true })
  const args = ['run', '--project', project, test, '--reporter', 'json', '--outputFile', report, '--bail', '1']
  return new Promise(resolve => {
    const child = spawn(join(root, 'node_modules/.bin/vitest'), args, { cwd: copy, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    child.stdout.on('data', chunk => (output += chunk))
    child.stderr.on('data', chunk => (output += chunk))
    // A mutant may hang what it breaks.
    const late = setTimeout(() => child.kill('SIGKILL'), 180_000)
    child.on('close', code => {
      clearTimeout(late)
      if (!existsSync(report)) return resolve({ passed: code === 0, failed: ['the run did not end by itself'], output })
      const { testResults, numPassedTests } = JSON.parse(readFileSync(report, 'utf8'))
      const failed = testResults.flatMap(file => [
        ...file.assertionResults.filter(({ status }) => status === 'failed').map(({ fullName }) => fullName.trim()),
        ...(file.status === 'failed' && file.assertionResults.length === 0 ? [`${file.name}: does not load`] : []),
      ])
      resolve({ passed: code === 0 && numPassedTests > 0, failed, output })
    })
  })
}

/** The file with the mutation in. The text must stand in it exactly once, or nobody knows what was broken. */
function mutate(text, { file, name, find, replace }) {
  if (text.split(find).length !== 2) {
    throw new Error(`${name}: ${JSON.stringify(find)} does not stand exactly once in ${file}. Mend the list.`)
  }
  return text.replace(find, () => replace)
}

const scratch = mkdtempSync(join(tmpdir(), 'tenantry-mutants-'))
const results = []
try {
  // Before anything runs: a list that does not fit the sources is a mistake, not a mutant that was caught.
  for (const mutant of chosen) mutate(readFileSync(join(root, mutant.file), 'utf8'), mutant)

  const queue = options.check ? [] : [...chosen]
  const sound = new Map()
  await Promise.all(
    Array.from({ length: jobs }, async (_, number) => {
      const copy = join(scratch, `copy-${number}`)
      mkdirSync(copy)
      copyRepository(copy)
      for (let mutant = queue.shift(); mutant !== undefined; mutant = queue.shift()) {
        const key = `${mutant.project} ${mutant.test}`
        if (!sound.has(key)) sound.set(key, runTests(copy, mutant))
        const baseline = await sound.get(key)
        if (!baseline.passed) throw new Error(`${key} fails without any mutant:\n${baseline.output}`)

        const path = join(copy, mutant.file)
        const text = readFileSync(path, 'utf8')
        const start = performance.now()
        writeFileSync(path, mutate(text, mutant))
        const { passed, failed } = await runTests(copy, mutant)
        writeFileSync(path, text)
        const seconds = Number(((performance.now() - start) / 1000).toFixed(1))
        const result = { name: mutant.name, file: mutant.file, caught: !passed, by: failed[0], seconds }
        results.push(result)
        if (!options.json) {
          const verdict = result.caught ? `caught by "${result.by}"` : `SURVIVED ${mutant.test}`
          console.log(
            `${String(results.length).padStart(3)}/${chosen.length} ${mutant.name}: ${verdict} (${seconds} s)`,
          )
        }
      }
    }),
  )
} finally {
  rmSync(scratch, { recursive: true, force: true })
}

const survivors = results.filter(({ caught }) => !caught)
if (options.check) console.log(`The list of ${chosen.length} mutants fits the sources.`)
else if (options.json)
  console.log(JSON.stringify({ mutants: results, caught: results.length - survivors.length }, null, 2))
else {
  console.log(`\n${results.length - survivors.length} of ${results.length} mutants caught.`)
  for (const { name, file } of survivors)
    console.log(`  SURVIVED ${name} (${file}): write the test that would have noticed.`)
}
process.exitCode = survivors.length === 0 ? 0 : 1
