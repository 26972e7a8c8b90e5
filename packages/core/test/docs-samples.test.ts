import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('../../..', import.meta.url))
// Whatever a sample's own package does not depend on, it finds where an application would have it; a page in docs has no package.
const applications = ['examples/quickstart', 'benchmarks', 'packages/mongo', 'packages/redis'].map(place =>
  join(root, place, 'sample.ts'),
)

const readmes = [root, ...readdirSync(join(root, 'packages')).map(name => join(root, 'packages', name))]
  .map(folder => join(folder, 'README.md'))
  .filter(page => existsSync(page))
const docs = readdirSync(join(root, 'docs'))
  .map(name => join(root, 'docs', name))
  .filter(page => page.endsWith('.md') && /^```ts\b/m.test(readFileSync(page, 'utf8')))
const pages = [...readmes, ...docs]

// A block with imports begins a module; one without goes on with the module before. Each line keeps its place in the page.
function samplesOf(page: string): Map<string, string> {
  const samples: string[][] = []
  const lines = readFileSync(page, 'utf8').split('\n')
  let block: number | undefined
  lines.forEach((line, index) => {
    if (line.startsWith('```')) {
      block = block === undefined && /^```ts\b/.test(line) ? index : undefined
      if (block === undefined) return
      const end = lines.indexOf('```', index + 1)
      if (samples.length === 0 || lines.slice(index, end).some(text => text.startsWith('import '))) samples.push([])
      return
    }
    const sample = samples.at(-1)
    if (block !== undefined && sample !== undefined) sample[index] = line
  })
  return new Map(
    samples.map((sample, n) => [
      join(dirname(page), `${basename(page, '.md')}.sample-${n + 1}.ts`),
      `${Array.from(sample, line => line ?? '').join('\n')}\nexport {}\n`,
    ]),
  )
}

const samples = new Map(pages.map(page => [page, samplesOf(page)]))
const texts = new Map([...samples.values()].flatMap(one => [...one]))

function compile(): ts.Program {
  const { config } = ts.readConfigFile(join(root, 'tsconfig.base.json'), ts.sys.readFile)
  const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, root)
  // As applications of NestJS have it.
  options.experimentalDecorators = true
  const host = ts.createCompilerHost(options)
  const { fileExists, readFile, getSourceFile } = host
  host.getCurrentDirectory = () => root
  host.fileExists = name => texts.has(name) || fileExists(name)
  host.readFile = name => texts.get(name) ?? readFile(name)
  host.getSourceFile = (name, ...rest) => {
    const text = texts.get(name)
    return text === undefined
      ? getSourceFile(name, ...rest)
      : ts.createSourceFile(name, text, ...(rest.slice(0, 1) as [ts.ScriptTarget]))
  }
  const cache = ts.createModuleResolutionCache(root, name => name, options)
  host.resolveModuleNameLiterals = (literals, file, redirected, compilerOptions, source) =>
    literals.map(literal => {
      const mode = ts.getModeForUsageLocation(source, literal, compilerOptions)
      const from = (place: string) =>
        ts.resolveModuleName(literal.text, place, compilerOptions, host, cache, redirected, mode)
      const own = from(file)
      if (own.resolvedModule !== undefined || !texts.has(file)) return own
      // A file that a sample speaks of stands in the package's fixtures, where it is run.
      const places = literal.text.startsWith('.') ? [join(dirname(file), 'test/fixtures/sample.ts')] : applications
      return places.map(from).find(found => found.resolvedModule !== undefined) ?? own
    })
  return ts.createProgram([...texts.keys()], options, host)
}

describe('the samples of every README, and of the pages in docs, compile', () => {
  const program = compile()

  it.each(pages.map(page => [relative(root, page), page]))('%s', (_, page) => {
    const found: string[] = []
    for (const name of samples.get(page)?.keys() ?? []) {
      const source = program.getSourceFile(name)
      for (const { start, messageText } of [
        ...program.getSyntacticDiagnostics(source),
        ...program.getSemanticDiagnostics(source),
      ]) {
        const line = (source?.getLineAndCharacterOfPosition(start ?? 0).line ?? 0) + 1
        found.push(`line ${line}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`)
      }
    }
    expect(found).toEqual([])
  })

  it.each(readmes.map(page => [relative(root, page), page]))('and there are some in %s', (_, page) => {
    expect(samples.get(page)?.size).toBeGreaterThan(0)
  })
})
