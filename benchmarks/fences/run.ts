import { parseArgs } from 'node:util'
import type { Tenant } from '@tenantry/core'
import { installFence, pgRls, protectTable } from '@tenantry/pg-rls'
import { startPostgres, withClient } from '@tenantry/servers'
import pg from 'pg'
import { interleave } from '../interleave.ts'
import { machineOf } from '../machine.ts'
import { isMissed, type Measure } from '../measure.ts'
import { medianOfRounds } from '../median.ts'

// What does it cost that each statement asks whether its tenant is suspended? Point reads, the same pool twice, in turns.

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '60' },
    operations: { type: 'string', default: '320' },
    suspended: { type: 'string', default: '10000' },
  },
})
const acme = { id: 'acme' } as Tenant
const server = await startPostgres()
try {
  const { ownerUrl, adminUrl, runtimeUrl, runtimeRole, provisionerRole } = await server.freshDatabase()
  await withClient(ownerUrl, async owner => {
    await owner.query('create table notes (id int not null, text text not null)')
    for (const text of protectTable('notes', { runtimeRole, index: false })) await owner.query(text)
    await owner.query('alter table notes add primary key (tenant_id, id)')
  })
  await withClient(adminUrl, async admin => {
    for (const text of installFence({ runtimeRole, fenceRole: provisionerRole })) await admin.query(text)
    await admin.query(
      `insert into notes (tenant_id, id, text) select 'acme', id, 'a note' from generate_series(1, 20000) id`,
    )
    await admin.query(`insert into tenancy.fence select 'other ' || id from generate_series(1, $1::int) id`, [
      Number(values.suspended),
    ])
    await admin.query('vacuum analyze')
  })
  const pool = new pg.Pool({ connectionString: runtimeUrl, max: 16 })
  const [open, fenced] = [pgRls({ pool, onUnsafe: 'report' }), pgRls({ pool, fence: true })]
  await fenced.ready()
  const read =
    ({ query }: ReturnType<typeof open.handle>) =>
    (id: number) =>
      query({ name: 'note', text: 'select text from notes where id = $1', values: [id] })
  const subjects = { open: read(open.handle(() => acme)), fenced: read(fenced.handle(() => acme)) }
  const measures: Measure[] = []
  for (const concurrency of [1, 16]) {
    const times = await interleave(subjects, {
      ...{ title: `fence ${concurrency}`, concurrency },
      rounds: Number(values.rounds),
      operations: Number(values.operations),
      argument: index => 1 + ((index * 7919) % 20_000),
    })
    measures.push({
      what: `a statement that asks the fence, ${concurrency} at once`,
      value: medianOfRounds(times, round => round.fenced / round.open),
      ...{ unit: '×', atMost: 1.4 },
    })
  }
  console.log(JSON.stringify({ machine: machineOf(server.descriptor.version), measures }, null, 2))
  process.exitCode = measures.some(isMissed) ? 1 : 0
  await open.close()
  await fenced.close()
  await pool.end()
} finally {
  await server.stop()
}
