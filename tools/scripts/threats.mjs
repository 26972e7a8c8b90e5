// docs/threats.md: how each threat of the catalogue is held. The rows are written by hand; this checks that what they refer to
// is there, and writes the line of counts.
//   node tools/scripts/threats.mjs [--check] [--strict] [--json]
// --check changes nothing. --strict also fails on `open`, and on `later` for a package that has come.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const target = 'docs/threats.md'
const catalogue = '../shared/design/threats.md'
// Of isolation, and of doors.
const lawsIn = ['packages/conformance/src/laws', 'packages/conformance/src/doors'].filter(existsSync)
const checksIn = ['packages/pg-rls/src/checks', 'packages/pg-schema/src/checks', 'packages/pg-database/src/checks']
const counts = { R: 43, S: 15, D: 13, M: 10, C: 16, X: 16, E: 19, L: 12, P: 12, F: 10 }
const kinds = ['law', 'test', 'finding', 'non-goal', 'later', 'open']

const options = new Set(process.argv.slice(2))
const strict = options.has('--strict')
const expected = Object.entries(counts).flatMap(([letter, count]) =>
  Array.from({ length: count }, (_, at) => `${letter}${at + 1}`),
)
const problems = []

const sourcesIn = folder =>
  readdirSync(folder, { recursive: true })
    .filter(file => file.endsWith('.ts'))
    .map(file => readFileSync(join(folder, file), 'utf8'))

// law('name', …), able('ability', 'name', …) for what a store must be able to do, having('member', 'name', …) for what only some have.
const laws = new Set(
  lawsIn
    .flatMap(sourcesIn)
    .flatMap(text =>
      [...text.matchAll(/\b(?:(?:law|doorLaw)\(|(?:able|having)\(\s*'\w+',)\s*(['"`])((?:(?!\1).)+)\1/g)].map(
        ([, , name]) => name,
      ),
    ),
)
const findings = new Set(
  checksIn.flatMap(sourcesIn).flatMap(text => [...text.matchAll(/'([RSDL]\d+)'/g)].map(([, id]) => id)),
)

const literal = /\s*(['"`])((?:\\.|(?!\1)[^\\])*)\1/sy
const idle = /\.(?:skip|todo|runIf|fails)/

/** What the titles of a file's tests say, but for those that are skipped, still to be written or bound to fail. */
function titlesOf(text) {
  const titles = []
  let offset = 0
  let outside = ''
  for (const line of text.split('\n')) {
    const start = offset
    offset += line.length + 1
    const [indent] = /^\s*/.exec(line)
    // A group that is skipped ends where biome puts its bracket.
    if (outside !== '') {
      if (line.startsWith(`${outside.slice(1)}}`) || line.startsWith(`${outside.slice(1)})`)) outside = ''
      continue
    }
    if (/^\s*(?:\/\/|\*|\/\*)/.test(line)) continue
    const group = /^\s*describe\w*((?:\.\w+)*)\(/.exec(line)
    if (group !== null && idle.test(group[1])) {
      outside = `>${indent}`
      continue
    }
    const call = /^(?:.*[\s)])?(?:it|test)((?:\.\w+)*)(?=[(<])/.exec(line)
    if (call === null || idle.test(call[1])) continue
    const title = titleAt(text, start + call[0].length, indent, /\.(?:each|for)\b/.test(call[1]))
    if (title !== undefined) titles.push(...filledIn(title, text))
  }
  return titles
}

function titleAt(text, from, indent, isTable) {
  let at = from
  if (isTable) {
    const end = text.indexOf('\n', from)
    const here = /\)\((?=\s*(?:['"`]|$))/.exec(text.slice(from, end))
    const there = new RegExp(`^${indent}[\\])}]+\\(`, 'm')
    const below = here === null ? there.exec(text.slice(end + 1)) : here
    if (below === null) return undefined
    at = (here === null ? end + 1 : from) + below.index + below[0].length
  } else at += 1
  literal.lastIndex = at
  return literal.exec(text)?.[2]
}

// `$name` stands for what each row of the table gives as `name: '…'`.
function filledIn(title, text) {
  const [, name] = /^\$(\w+)$/.exec(title) ?? []
  if (name === undefined) return [title]
  return [...text.matchAll(new RegExp(`\\b${name}: (['"])((?:(?!\\1).)+)\\1`, 'g'))].map(([, , value]) => value)
}

const known = new Map()
function problemOfTest(reference) {
  const [path, title, ...more] = reference.split(' › ')
  if (title === undefined || more.length > 0) return 'must be <path> › <title>'
  if (!/\.test\.ts$/.test(path) || !existsSync(path)) return `there is no file of tests ${path}`
  if (!known.has(path)) known.set(path, titlesOf(readFileSync(path, 'utf8')))
  const titles = known.get(path)
  if (titles.includes(title)) return undefined
  const found = new Set(titles.filter(each => each.includes(title)))
  if (found.size === 0) return `${path} has no such test that runs`
  return found.size === 1 ? undefined : `${found.size} tests of ${path} have that in their titles`
}

function problemOf(kind, what) {
  if (what === '') return 'says nothing'
  if (kind === 'law') return laws.has(what) ? undefined : `${lawsIn.join(' and ')} have no such law`
  if (kind === 'test') return problemOfTest(what)
  if (kind === 'finding') return findings.has(what) ? undefined : `no check in ${checksIn} gives it`
  if (kind === 'later' && !/^[a-z][a-z-]*$/.test(what)) return 'must name one package'
  if (kind === 'later' && strict && existsSync(`packages/${what}`)) return `packages/${what} is here`
  if (kind === 'open' && strict) return 'is not held'
  return undefined
}

const page = readFileSync(target, 'utf8')
const rows = page
  .split('\n')
  .map(line => /^\| ([A-Z]\d+) \| (.+?) \| (.+) \|$/.exec(line))
  .filter(row => row !== null)
  .map(([, id, threat, how]) => ({ id, threat, how: how.replaceAll('\\|', '|').split('<br>') }))

const ids = rows.map(({ id }) => id)
for (const id of expected) {
  const times = ids.filter(each => each === id).length
  if (times !== 1) problems.push(`${id}: stands ${times} times in ${target}`)
}
for (const id of new Set(ids)) if (!expected.includes(id)) problems.push(`${id}: is not in the catalogue`)
if (problems.length === 0 && ids.join() !== expected.join()) problems.push('the ids are not in order')

if (existsSync(catalogue)) {
  const [, section = ''] = /^## 1\. .*?$(.*?)^## 2\. /ms.exec(readFileSync(catalogue, 'utf8')) ?? []
  const listed = [...section.matchAll(/(?:^|· )([RSDMCXELPF]\d+) /gm)].map(([, id]) => id)
  if (listed.join() !== expected.join()) {
    const lost = expected.filter(id => !listed.includes(id))
    const more = listed.filter(id => !expected.includes(id))
    problems.push(
      `${catalogue} lists ${listed.length} ids: without ${lost.join(' ') || '–'}, with ${more.join(' ') || '–'}`,
    )
  }
}

const references = Object.fromEntries(kinds.map(kind => [kind, 0]))
const held = { held: 0, 'non-goal': 0, later: 0, open: 0 }
const open = []
for (const { id, threat, how } of rows) {
  if (threat.split(/\s+/).length > 10) problems.push(`${id}: the threat has more than ten words`)
  const of = new Set()
  for (const each of how) {
    const [, kind, what] = /^([a-z-]+): (.*)$/.exec(each.trim()) ?? []
    if (!kinds.includes(kind)) {
      problems.push(`${id}: "${each}" is none of ${kinds.join(', ')}`)
      continue
    }
    of.add(kind)
    references[kind] += 1
    if (kind === 'open') open.push({ id, missing: what })
    const problem = problemOf(kind, what)
    if (problem !== undefined) problems.push(`${id}: ${kind} "${what}": ${problem}`)
  }
  // A row counts once, by what is least sure of it.
  if (of.has('open')) held.open += 1
  else if (of.has('later')) held.later += 1
  else if (['law', 'test', 'finding'].some(kind => of.has(kind))) held.held += 1
  else held['non-goal'] += 1
}

const some = (count, one) => `${count} ${one}${count === 1 ? '' : 's'}`
const line = `Counts: ${rows.length} threats, ${held.held} held now, ${held['non-goal']} only a non-goal, ${held.later} to be finished by a later package, ${held.open} open; by ${some(references.law, 'law')}, ${some(references.test, 'test')}, ${some(references.finding, 'finding')}.`
const counted = page.replace(/^Counts: .*$/m, line)
if (!page.includes('\nCounts: ')) problems.push(`${target} has no line that begins with "Counts: "`)
else if (counted !== page && options.has('--check'))
  problems.push(`${target}: the counts are not those of its rows. Make them again: node tools/scripts/threats.mjs`)

if (options.has('--json')) {
  console.log(JSON.stringify({ threats: rows.length, rows: held, references, open, problems }, null, 2))
} else {
  console.log(line)
  for (const problem of problems) console.error(problem)
}
if (problems.length > 0) process.exitCode = 1
if (!options.has('--check')) writeFileSync(target, counted)
