import type { AddressInfo } from 'node:net'
import { parseArgs } from 'node:util'
import { type Logger, memoryRegistry } from '@tenantry/core'
import { startPostgres } from '@tenantry/servers'
import { Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'
import { createApp } from './app.ts'
import { countWrites } from './count-writes.ts'
import { migrate } from './migrate.ts'
import { attacks, describeAnswer, type Scene, visits } from './scenario.ts'
import { send } from './send.ts'

const { values: options } = parseArgs({
  options: { serve: { type: 'boolean', default: false }, json: { type: 'boolean', default: false } },
})

const server = await startPostgres()
try {
  const database = await server.freshDatabase()
  const owner = new Kysely<unknown>({
    dialect: new PostgresDialect({ pool: new pg.Pool({ connectionString: database.ownerUrl }) }),
  })
  await migrate(owner, database.runtimeRole)
  await owner.destroy()

  const registry = memoryRegistry([
    { slug: 'acme', name: 'Acme Corporation' },
    { slug: 'globex', name: 'Globex Inc' },
    { slug: 'initech', name: 'Initech' },
  ])
  const pool = new pg.Pool({ connectionString: database.runtimeUrl, max: 4 })
  // Refusals are part of the show; the table tells of them.
  const silent = () => undefined
  const logger: Logger = {
    debug: silent,
    info: silent,
    warn: silent,
    error: (details, text) => console.error(text, details),
  }
  const wire = countWrites(pool)
  let queries = 0
  const app = await createApp({ pool, registry, logger, onQuery: () => queries++ })
  wire.reset()
  const listener = app.listen(0, '127.0.0.1')
  await new Promise(resolve => listener.once('listening', resolve))
  const { port } = listener.address() as AddressInfo

  const results: Result[] = []
  for (const scene of visits) results.push(await play(port, scene))
  const globex = await registry.find({ kind: 'slug', value: 'globex' })
  const initech = await registry.find({ kind: 'slug', value: 'initech' })
  if (globex === undefined || initech === undefined) throw new Error('The demo lost its tenants.')
  registry.update(initech.id, { status: 'suspended' })
  const globexNote = results.find(result => result.who === 'globex')?.id ?? 0
  for (const scene of attacks(globex.id, globexNote)) results.push(await play(port, scene))
  registry.update(initech.id, { status: 'active' })

  const failed = results.filter(result => !result.asExpected)
  if (options.json)
    console.log(
      JSON.stringify(
        { postgres: server.descriptor.version, results, failed: failed.length, queries, roundTrips: wire.writes() },
        null,
        2,
      ),
    )
  else print(results, failed, `${queries} queries took ${wire.writes()} round trips to Postgres.`)
  if (options.serve && !options.json) await serve(port)

  listener.closeAllConnections()
  await new Promise(resolve => listener.close(resolve))
  await pool.end()
  process.exitCode = failed.length === 0 ? 0 : 1
} finally {
  await server.stop()
}

interface Result {
  readonly who: string
  readonly what: string
  readonly status: number
  readonly answer: string
  readonly asExpected: boolean
  readonly id?: number
}

async function play(port: number, { who, what, call, status, says }: Scene): Promise<Result> {
  const answer = await send(port, call)
  const words = describeAnswer(answer.body)
  const { id } = answer.body as { id?: number }
  const asExpected = answer.status === status && words === says
  return { who, what, status: answer.status, answer: words, asExpected, ...(id === undefined ? {} : { id }) }
}

function print(results: readonly Result[], failed: readonly Result[], traffic: string): void {
  const rows = [
    ['who', 'what', 'status', 'answer', ''],
    ...results.map(result => [
      result.who,
      result.what,
      String(result.status),
      result.answer,
      result.asExpected ? 'ok' : 'WRONG',
    ]),
  ]
  const widths = [0, 1, 2, 3].map(column => Math.max(...rows.map(row => row[column]?.length ?? 0)))
  console.log('\nOne Express app, one table, three tenants:\n')
  for (const row of rows)
    console.log(`  ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}`.trimEnd())
  console.log(
    failed.length === 0
      ? `\n${results.length} requests: everyone saw their own rows and nobody else’s; every attack was refused.\n${traffic}`
      : `\n${failed.length} of ${results.length} answers were not as they must be.`,
  )
}

/** Keeps the service running for as long as its user likes. */
async function serve(port: number): Promise<void> {
  console.log(`
It keeps running until you press Ctrl-C. Try:

  curl -H 'Host: globex.notes.localhost' http://127.0.0.1:${port}/notes
  curl -H 'Host: notes.localhost' http://127.0.0.1:${port}/t/initech/notes
  curl -H 'Host: acme.notes.localhost' -H 'content-type: application/json' -d '{"text":"hello"}' http://127.0.0.1:${port}/notes
  curl -H 'Host: acme.notes.localhost' http://127.0.0.1:${port}/t/globex/notes
`)
  await new Promise<void>(resolve => {
    process.once('SIGINT', () => resolve())
    process.once('SIGTERM', () => resolve())
  })
}
