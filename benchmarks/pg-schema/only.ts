import { startPostgres } from '@tenantry/servers'
import { openBenchDatabase } from './bench-database.ts'
import { compareStatements } from './statements.ts'
const server = await startPostgres()
const database = await openBenchDatabase(await server.freshDatabase())
for (const tenants of [1, 10]) {
  const r = await compareStatements(database, { rounds: Number(process.argv[2] ?? 60), operations: 1600, tenants })
  console.log(tenants, r.subjects.map(s => `${s.name} ${s.microseconds.toFixed(1)}`).join(', '), r.measures.map(m => m.value.toFixed(3)).join(' '))
}
await database.close(); await server.stop()
