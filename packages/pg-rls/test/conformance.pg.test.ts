import { laws, runLaw, type Subject } from '@tenantry/conformance'
import type { TenantPool } from '@tenantry/pg'
import { describePostgres } from '@tenantry/servers/vitest'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { rlsSubject } from './rls-subject.ts'

describePostgres('pg-rls keeps every law of isolation', server => {
  let subject: Subject<TenantPool>
  beforeAll(async () => {
    subject = await rlsSubject(server)
  })
  afterAll(() => subject.close())

  it('claims everything, so that no law is left out', () => {
    expect(Object.values(subject.isolation.claims)).toEqual([true, true, true, true])
  })
  for (const law of laws) it(law.name, () => runLaw(law, subject))
})
