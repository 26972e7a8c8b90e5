import type { Tenant } from '@tenantry/core'
import { secret } from '@tenantry/core'
import { installSeal, protectTable, type SealKey, sealKeyStatement } from '@tenantry/pg-rls'
import type { FreshDatabase } from '@tenantry/servers'
import pg from 'pg'
import { tagOf } from '../../turn.ts'
import { helpers } from '../postgres/helpers.ts'
import type { SealChoice } from './seal-choice.ts'

/** The key of every storm; the attackers in it do not have it. */
export const sealKey: SealKey = { id: 7, secret: secret('the storm seals with this key, which nobody else knows') }

const tables = [
  `create table notes (tenant_id text not null, id int not null, tag text not null, version bigint not null,
    primary key (tenant_id, id))`,
  `create table marks (tenant_id text not null, note int not null, tag text not null, primary key (tenant_id, note),
    foreign key (tenant_id, note) references notes on delete cascade)`,
]

/**
 * Makes the tables, their policies and the seal, as a deployment does, and the first rows of each tenant.
 *
 * @param first - the rows that every tenant begins with.
 */
export async function migrate(
  { ownerUrl, adminUrl, ownerRole, runtimeRole }: FreshDatabase,
  seal: SealChoice,
  first: ReadonlyMap<Tenant, ReadonlyMap<number, number>>,
): Promise<void> {
  const owner = new pg.Client({ connectionString: ownerUrl })
  const admin = new pg.Client({ connectionString: adminUrl })
  await Promise.all([owner.connect(), admin.connect()])
  try {
    for (const text of [...tables, ...helpers({ settings: ['tenantry.tenant_id'] })]) await owner.query(text)
    if (seal !== 'none') {
      for (const text of installSeal({ mode: seal, runtimeRole, tableOwner: ownerRole })) await admin.query(text)
      const { text, values } = sealKeyStatement(sealKey)
      await admin.query(text, [...values])
    }
    for (const table of ['notes', 'marks']) {
      for (const text of protectTable(table, { index: false, runtimeRole, seal: seal !== 'none' }))
        await owner.query(text)
    }
    const rows = [...first].flatMap(([tenant, known]) =>
      [...known].map(([id, version]) => ({ tenant_id: tenant.id, id, tag: tagOf(tenant), version })),
    )
    await admin.query('insert into notes select * from json_populate_recordset(null::notes, $1)', [
      JSON.stringify(rows),
    ])
    await admin.query('insert into marks select tenant_id, id, tag from notes where id % 3 = 0')
    await admin.query('analyze')
  } finally {
    await Promise.all([owner.end(), admin.end()])
  }
}
