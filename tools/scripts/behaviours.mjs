// docs/behaviours.md: which documented behaviour of the reference systems is proved by which test. Read off the names of the
// tests, which carry the ids (A01–A48, T01–T40, P01–P34, S01–S47, I01–I56; C01–C46 are the choices where they contradict).
//   node tools/scripts/behaviours.mjs [--check]
import { readFileSync, writeFileSync } from 'node:fs'
import { filesUnder } from './files-under.mjs'

const target = 'docs/behaviours.md'
const systems = {
  A: { name: 'Ampora: onboarding, row-level security, OIDC claims, token pools', count: 48 },
  T: { name: 'authentik: a schema for each tenant', count: 40 },
  P: { name: 'Porta: organisations by path, life cycle, branding', count: 34 },
  S: { name: 'SysManage: a database for each tenant, leased credentials', count: 47 },
  I: { name: 'Inference API: MongoDB and Redis for each tenant', count: 56 },
  C: { name: 'Choices made where the systems contradict each other', count: 46 },
}

// A test that is skipped or still to be written proves nothing, nor does the title of a group.
const titles = /\b(?:it|test)(?:\.(?!skip|todo)\w+)*(?:\([^)]*\))?\(\s*(['"`])((?:(?!\1).)+)\1/gs
const tests = new Map()
const files = ['packages', 'examples', 'tools']
  .flatMap(root => filesUnder(root))
  // Laws are tests that several files try, each on a store of its own.
  .filter(file => /^[^/]+\/[^/]+\/test\/.*(?:\.test|-laws)\.ts$/.test(file))
for (const file of files.toSorted()) {
  for (const [, , title] of readFileSync(file, 'utf8').matchAll(titles)) {
    for (const [id] of title.matchAll(/\b[ATPSIC]\d\d\b/g)) {
      if (!tests.has(id)) tests.set(id, [])
      tests.get(id).push({ file, title: title.replaceAll('|', '\\|').replaceAll('\n', ' ') })
    }
  }
}

const lines = [
  '# Behaviours and their tests',
  '',
  'Made by `node tools/scripts/behaviours.mjs` from the names of the tests; a gate of `npm test` holds it true. An id that is not',
  'here is not built yet.',
]
for (const [letter, { name, count }] of Object.entries(systems)) {
  const ids = [...tests.keys()].filter(id => id.startsWith(letter) && Number(id.slice(1)) <= count).toSorted()
  lines.push('', `## ${name}`, '', `${ids.length} of ${count}.`)
  if (ids.length === 0) continue
  lines.push('', '| id | package | test |', '|---|---|---|')
  for (const id of ids) {
    const found = tests.get(id)
    const [first] = found
    const [, room] = /^(?:packages|examples|tools)\/([^/]+)\//.exec(first.file)
    const more = found.length > 1 ? ` and ${found.length - 1} more` : ''
    lines.push(`| ${id} | ${room} | [${first.title}](../${first.file})${more} |`)
  }
}
const page = `${lines.join('\n')}\n`

if (process.argv.includes('--check')) {
  if (readFileSync(target, 'utf8') !== page) {
    console.error(`${target} is not what the tests say. Make it again: node tools/scripts/behaviours.mjs`)
    process.exit(1)
  }
} else {
  writeFileSync(target, page)
  console.log(`${target}: ${tests.size} ids`)
}
