import { laws, runLaw, type Subject, skipReason } from '@tenantry/conformance'
import type { TenantPool } from '@tenantry/pg'
import { describePostgres } from '@tenantry/servers/vitest'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { schemaSubject } from './schema-subject.ts'

describePostgres(
  'pg-schema keeps every law of isolation',
  server => {
    let subject: Subject<TenantPool>
    beforeAll(async () => {
      subject = await schemaSubject(server)
    })
    afterAll(() => subject?.close())

    it('leaves out no law but those of a shared store, which schemas are not', () => {
      const all = { sharedStore: false, enforced: true, pooled: true, transactions: true, objects: true }
      expect(subject.isolation.claims).toEqual(all)
      const skipped = laws.filter(law => skipReason(law, subject) !== undefined)
      expect(skipped).toEqual(laws.filter(({ claim }) => claim === 'sharedStore'))
    })
    for (const law of laws) {
      if (law.claim === 'sharedStore') it.skip(`${law.name} (skipped: pg-schema does not claim sharedStore)`)
      else it(law.name, () => runLaw(law, subject))
    }
  },
  { through: ['direct', 'pgbouncer'] },
)
