// Run by pgbouncer.pg.test.ts: starts a PgBouncer, says where it is, and waits to be ended. The descriptor holds
// passwords, so it comes in the environment, not on the command line.
import { type PostgresDescriptor, startPgBouncer } from '../src/index.ts'

const server = JSON.parse(process.env.DESCRIPTOR ?? '') as PostgresDescriptor
const { pid, directory } = await startPgBouncer({ server, report: () => undefined })
console.log(JSON.stringify({ pid, directory }))
setInterval(() => undefined, 1_000)
