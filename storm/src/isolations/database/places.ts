import type { Isolation, Tenant } from '@tenantry/core'
import type { TenantPool } from '@tenantry/pg'
import { checkOwn, type Operation, refused } from '../../turn.ts'

/** Where nobody of this tenant has ever been, or is no more. */
function elsewhere(tenant: Tenant, other: Tenant): readonly Tenant['placement'][] {
  const { placement } = tenant
  return [
    { ...placement, epoch: `${Number(placement.epoch) - 1}` },
    { ...placement, server: 'three' },
    { ...placement, database: 'postgres' },
    { ...placement, database: `${other.placement.database}; drop table notes` },
    { ...placement, epoch: '7; 8' },
    {},
  ]
}

export const placeOperations = (isolation: Isolation<TenantPool>): readonly Operation[] => [
  {
    name: 'a placement that leads nowhere',
    share: 1,
    async run(turn) {
      const wrong = { ...turn.tenant, placement: turn.random.pick(elsewhere(turn.tenant, turn.other)) }
      // The one of yesterday is not known as such by a process that has not seen the one of today: the database knows.
      await refused(turn, ['PLACEMENT_INVALID', 'IDENTITY_MISMATCH'], () =>
        isolation.handle(() => wrong).query('select tag from notes'),
      )
      checkOwn(turn, (await turn.db.query('select tag from notes limit 3')).rows)
    },
  },
]
