import { randomBytes } from 'node:crypto'
import type { Subject } from '@tenantry/conformance'
import { secret } from '@tenantry/core'
import type { TenantPool } from '@tenantry/pg'
import { installFence, installSeal, type PgRlsOptions, pgRls, protectTable, sealKeyStatement } from '@tenantry/pg-rls'
import { pgSubject } from '@tenantry/pg-subject'
import type { PostgresForTests } from '@tenantry/servers/vitest'
import pg from 'pg'
import { execute } from './support.ts'

type Seal = NonNullable<PgRlsOptions['seal']>

/** `pg-rls` on a database of its own, with two connections. */
export async function rlsSubject(server: PostgresForTests, seal: Seal = 'none'): Promise<Subject<TenantPool>> {
  const database = await server.freshDatabase()
  const { runtimeRole, ownerRole: tableOwner } = database
  const key = { id: 1, secret: secret(randomBytes(32).toString('base64')) }
  if (seal !== 'none') {
    const install = installSeal({ mode: seal, runtimeRole, tableOwner })
    await execute(database.adminUrl, ...install, sealKeyStatement(key) as pg.QueryConfig)
  }
  const columns = 'tenant_id text not null, id uuid, text text not null, primary key (tenant_id, id)'
  const protect = protectTable('notes', { index: false, runtimeRole, seal: seal !== 'none' })
  await execute(database.ownerUrl, `create table notes (${columns})`, ...protect)

  // Whoever is called the provisioner here suspends tenants, and has the right to end sessions.
  await execute(database.adminUrl, ...installFence({ runtimeRole, fenceRole: database.provisionerRole }))
  const fencePool = new pg.Pool({ connectionString: database.provisionerUrl, max: 2 })

  const { bouncer, namedStatements } = server
  return pgSubject(server, database, {
    isolation: pool =>
      pgRls({
        ...{ pool, namedStatements, pooler: bouncer !== undefined, seal, sealKeys: () => key },
        fence: { pool: fencePool },
      }),
    async close() {
      fencePool.on('error', () => undefined)
      await fencePool.end()
    },
    everything: async admin => (await admin.query('select tenant_id as tenant, id, text from notes')).rows,
    more: query => ({
      putAs: async (tenant, { id, text }) =>
        void (await query('insert into notes (tenant_id, id, text) values ($1, $2, $3)', [tenant, id, text])),
      move: async (id, tenant) =>
        (await query('update notes set tenant_id = $2 where id = $1', [id, tenant])).rowCount ?? 0,
    }),
    conflict: '(tenant_id, id)',
    settings: ['tenantry.tenant_id'],
    // COPY FROM is refused under row security (threats R22); this is the way that is left.
    bulk: async ({ query }, notes) => {
      const own = notes.filter(({ tenant }) => tenant === undefined)
      const others = notes.filter(({ tenant }) => tenant !== undefined)
      const column = (list: typeof notes, name: 'id' | 'text' | 'tenant') => list.map(note => note[name])
      await query(
        `with own as (insert into notes (id, text) select * from unnest($1::uuid[], $2::text[]))
         insert into notes (tenant_id, id, text) select * from unnest($3::text[], $4::uuid[], $5::text[])`,
        [
          column(own, 'id'),
          column(own, 'text'),
          column(others, 'tenant'),
          column(others, 'id'),
          column(others, 'text'),
        ],
      )
    },
  })
}
