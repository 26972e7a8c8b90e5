import { laws, runLaw, type Subject, skipReason } from '@tenantry/conformance'
import type { TenantPool } from '@tenantry/pg'
import { type PostgresServer, startPostgres } from '@tenantry/servers'
import { describePostgres } from '@tenantry/servers/vitest'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { databaseSubject } from './database-subject.ts'

describePostgres('pg-database keeps every law of isolation, with tenants on two servers', server => {
  let other: PostgresServer
  let subject: Subject<TenantPool>
  beforeAll(async () => {
    other = await startPostgres()
    subject = await databaseSubject([server, other])
  })
  afterAll(async () => {
    await subject?.close()
    await other?.stop()
  })

  it('leaves out no law but those of stores and connections that tenants share, which theirs are not', () => {
    const all = { sharedStore: false, enforced: true, pooled: false, transactions: true, objects: true }
    expect(subject.isolation.claims).toEqual(all)
    const skipped = laws.filter(law => skipReason(law, subject) !== undefined)
    expect(skipped).toEqual(laws.filter(({ claim }) => claim === 'sharedStore' || claim === 'pooled'))
  })
  for (const law of laws) {
    if (law.claim === 'sharedStore' || law.claim === 'pooled')
      it.skip(`${law.name} (skipped: pg-database does not claim ${law.claim})`)
    else it(law.name, () => runLaw(law, subject, { timeLimit: 110_000 }), 120_000)
  }
})
