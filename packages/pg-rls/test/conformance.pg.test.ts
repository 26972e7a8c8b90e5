import { laws, runLaw, type Subject, skipReason } from '@tenantry/conformance'
import type { TenantPool } from '@tenantry/pg'
import { describePostgres } from '@tenantry/servers/vitest'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { rlsSubject } from './rls-subject.ts'

for (const seal of ['none', 'stamp', 'challenge'] as const) {
  describePostgres(
    `pg-rls keeps every law of isolation, seal: ${seal}`,
    server => {
      let subject: Subject<TenantPool>
      beforeAll(async () => {
        subject = await rlsSubject(server, seal)
      })
      afterAll(() => subject?.close())

      it('leaves out no law but those of objects, which rows have none of', () => {
        const all = { sharedStore: true, enforced: true, pooled: true, transactions: true, objects: false }
        expect(subject.isolation.claims).toEqual(all)
        const skipped = laws.filter(law => skipReason(law, subject) !== undefined)
        expect(skipped).toEqual(laws.filter(({ claim }) => claim === 'objects'))
      })
      for (const law of laws) {
        if (law.claim === 'objects') it.skip(`${law.name} (skipped: pg-rls does not claim objects)`)
        else it(law.name, () => runLaw(law, subject))
      }
    },
    { through: ['direct', 'pgbouncer'] },
  )
}
