import { laws, runLaw, type Subject, skipReason } from '@tenantry/conformance'
import type { TenantPool } from '@tenantry/pg'
import { type PostgresServer, startPostgres } from '@tenantry/servers'
import { describePostgres } from '@tenantry/servers/vitest'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { placedSubject } from './placed-subject.ts'

describePostgres('placed() keeps the laws of isolation with tenants of all three levels', server => {
  let other: PostgresServer
  let subject: Subject<TenantPool>
  beforeAll(async () => {
    other = await startPostgres()
    subject = await placedSubject(server, other)
  })
  afterAll(async () => {
    await subject?.close()
    await other?.stop()
  })

  const left = ['sharedStore', 'objects']

  it('leaves out no law but those that not all levels claim, which each level keeps alone', () => {
    expect(subject.isolation.claims).toEqual({
      sharedStore: false,
      enforced: true,
      pooled: true,
      transactions: true,
      objects: false,
    })
    const skipped = laws.filter(law => skipReason(law, subject) !== undefined)
    expect(skipped).toEqual(laws.filter(({ claim }) => left.includes(claim)))
  })
  for (const law of laws) {
    if (left.includes(law.claim)) it.skip(`${law.name} (skipped: placed() does not claim ${law.claim})`)
    else it(law.name, () => runLaw(law, subject))
  }
})
