// Run by lifecycle.pg.test.ts: starts a server, says where it is, and waits to be ended, or forgets it.
import { type PostgresSource, startPostgres } from '../src/index.ts'

const [source = '', forget] = process.argv.slice(2)
const server = await startPostgres({ source: JSON.parse(source) as PostgresSource, report: () => undefined })
console.log(JSON.stringify({ pid: server.pid, directory: server.directory }))
if (!forget) setInterval(() => undefined, 1_000)
