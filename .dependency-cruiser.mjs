import { readFileSync } from 'node:fs'

// The rules are the drawing of ARCHITECTURE.md: a package imports only from the floors below its own.
const page = readFileSync(new URL('./ARCHITECTURE.md', import.meta.url), 'utf8')
const drawing = /^```floors\n([\s\S]*?)^```/m.exec(page)?.[1]
if (drawing === undefined) throw new Error('ARCHITECTURE.md has no drawing of the floors.')
const floors = drawing
  .trim()
  .split('\n')
  .map(line => {
    const [, number, ...rooms] = line.trim().split(/\s+/)
    return { number: Number(number), rooms: rooms.map(room => `^${room.replace('*', '[^/]+')}/`) }
  })

const above = floor => floors.filter(other => other.number >= floor.number).flatMap(other => other.rooms)
const tests = '/test/'

const arrows = floors.flatMap(floor =>
  floor.rooms.map(room => ({
    name: `arrows-point-down-from-${room.slice(1, -1)}`,
    comment: 'A package imports only from the floors below its own (ARCHITECTURE.md).',
    severity: 'error',
    from: { path: room, pathNot: tests },
    to: { path: above(floor), pathNot: room },
  })),
)

export default {
  forbidden: [
    ...arrows,
    {
      name: 'every-room-is-in-the-drawing',
      comment: 'Enter a new package in the drawing of ARCHITECTURE.md.',
      severity: 'error',
      from: {
        path: '^(?:packages|tools|examples|benchmarks|storm)/',
        pathNot: [...floors.flatMap(floor => floor.rooms), '^tools/scripts/'],
      },
      to: {},
    },
    {
      name: 'servers-are-for-tests',
      comment: 'tools/servers is private: published source must not need it.',
      severity: 'error',
      from: { path: '^packages/[^/]+/src/' },
      to: { path: '^tools/' },
    },
    {
      name: 'tests-go-through-the-front-door',
      comment: 'Another package is used by its public surface, never by a file inside it.',
      severity: 'error',
      from: { path: '^(packages|tools|examples)/([^/]+)/' },
      to: { path: '^(?:packages|tools)/[^/]+/src/', pathNot: ['^$1/$2/', '/src/(?:vitest/|registry/)?index\\.ts$'] },
    },
    {
      name: 'no-circles',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    { name: 'everything-resolves', severity: 'error', from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '/dist/' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['tenantry-source', 'types', 'import', 'node', 'default'],
      extensions: ['.ts', '.mjs', '.js', '.d.ts'],
    },
  },
}
