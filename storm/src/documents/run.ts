import { parseArgs } from 'node:util'
import { mutants } from './mutants.ts'
import { type StormResult, storm } from './storm.ts'

const { values } = parseArgs({
  options: {
    store: { type: 'string' },
    ops: { type: 'string', default: '100000' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
    tenants: { type: 'string', default: '50' },
    workers: { type: 'string', default: '64' },
    mutant: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
})

const { mutant } = values
const size = {
  operations: Number(values.ops),
  seed: Number(values.seed),
  tenants: Number(values.tenants),
  workers: Number(values.workers),
}

function report({ server, tally, compared, unknown, seconds }: StormResult): string {
  const { operations, answered, rows, problems, errors } = tally
  const of = (kind: string) => problems.filter(each => each.kind === kind).length
  return [
    `mongo, seed ${size.seed}, on ${server}: ${operations} operations in ${seconds.toFixed(0)} s, ${answered} came to their end`,
    `  ${rows} documents looked at, ${compared} compared at the end, ${unknown} of which nobody can know`,
    `  ${of('leak')} leaks, ${of('wrong')} wrong answers, ${of('unexpected')} unexpected errors`,
    `  errors that had to be expected: ${[...errors].map(([code, times]) => `${times} × ${code}`).join(', ') || 'none'}`,
    ...problems
      .slice(0, 10)
      .map(({ kind, operation, name, problem }) => `  ${kind} in operation ${operation} (${name}): ${problem}`),
  ].join('\n')
}

if (mutant === undefined) {
  const result = await storm(size)
  const { tally, ...rest } = result
  const plain = { ...rest, seed: size.seed, operations: tally.operations, rows: tally.rows, problems: tally.problems }
  console.log(
    values.json ? JSON.stringify({ ...plain, errors: Object.fromEntries(tally.errors) }, null, 2) : report(result),
  )
  process.exitCode = tally.problems.length === 0 ? 0 : 1
} else {
  const chosen = Object.entries(mutants).filter(([name]) => mutant === 'all' || name === mutant)
  if (chosen.length === 0) console.error(`There is no mutant "${mutant}". Mutants: ${Object.keys(mutants).join(', ')}.`)
  let caught = 0
  for (const [name, broken] of chosen) {
    const { tally } = await storm({ ...size, broken, bail: true })
    const [first] = tally.problems
    if (first !== undefined) caught += 1
    console.log(
      `${name}: ${first === undefined ? 'SURVIVED' : `caught after ${tally.operations} operations, ${first.kind}: ${first.problem.split('\n')[0]}`}`,
    )
  }
  process.exitCode = chosen.length > 0 && caught === chosen.length ? 0 : 1
}
