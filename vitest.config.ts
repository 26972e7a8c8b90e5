import { defineConfig } from 'vitest/config'

// Workspace packages resolve to their TypeScript sources. The others are Vite's defaults for a server, which a list
// replaces. Never `import` or `default` here: vitest passes the list to Node, whose `require` would then find ES modules.
const conditions = ['tenantry-source', 'module', 'node', 'development|production']
const postgres = {
  include: ['{packages,tools,examples,benchmarks}/**/test/**/*.pg.test.ts'],
  globalSetup: ['tools/servers/src/vitest/postgres-setup.ts'],
}

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    // Vitest leaves node_modules to Node, which does not know the condition.
    server: { deps: { inline: [/@tenantry\//] } },
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // One more than there are cores: tests of storage wait for their server half of the time.
    maxWorkers: 3,
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: [
            'packages/*/test/**/*.test.ts',
            'tools/**/test/**/*.test.ts',
            'examples/*/test/**/*.test.ts',
            'storm/test/**/*.test.ts',
          ],
          exclude: ['**/node_modules/**', '**/dist/**', '**/*.{pg,redis,mongo}.test.ts'],
        },
      },
      // Storms are minutes of load, so that they rage on the newest server only.
      {
        extends: true,
        test: { name: 'postgres', ...postgres, include: [...postgres.include, 'storm/test/**/*.pg.test.ts'] },
      },
      // A test file has a server of its own; whether there can be one is found out once.
      {
        extends: true,
        test: {
          name: 'redis',
          include: ['{packages,tools,examples,storm}/**/test/**/*.redis.test.ts'],
          globalSetup: ['tools/servers/src/vitest/redis-setup.ts'],
        },
      },
      {
        extends: true,
        test: {
          name: 'mongo',
          include: ['{packages,tools,examples,storm}/**/test/**/*.mongo.test.ts'],
          globalSetup: ['tools/servers/src/vitest/mongo-setup.ts'],
        },
      },
      // An explicit version wins over a server named by URL, which the project above tests.
      // What rests on packages only is run on the newest server: each of those is tested on both. So are the laws over all levels at once,
      // and processes that are killed, of which each needs seconds.
      {
        extends: true,
        test: {
          name: 'postgres-15',
          ...postgres,
          exclude: ['**/node_modules/**', 'examples/**', '**/placed.pg.test.ts', '**/lifecycle-kill.pg.test.ts'],
          env: { TENANTRY_PG: '15', TENANTRY_PG_URL: '' },
        },
      },
    ],
  },
})
