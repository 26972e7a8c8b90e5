import { isTenancyError, type Tenant } from '@tenantry/core'
import { brokenTenancy, type Canary, canary } from './canary.ts'
import { lateSubject } from './late-subject.ts'

/** Adapters and tenancies that go on after the end. */
export const afterTheEndCanaries: readonly Canary[] = [
  canary('a unit of work is dead after it threw', 'A connection still works after its unit of work threw.', () => ({
    revoke(lease, after) {
      if (after === 'success') lease.open = false
    },
  })),
  {
    law: 'a statement that nobody awaits stays with its tenant',
    breaks: 'A statement is sent late, on a connection that has the tenant of its transaction.',
    alsoBreaks: [],
    subject: lateSubject,
  },
  canary('a closed isolation sends nothing more', 'What is open goes on after the isolation is closed.', () => ({
    refuseClosed() {
      // Leaves it to the pool, which only refuses new connections.
    },
  })),
  brokenTenancy(
    'after a nested context the outer one is back',
    'What throws at once leaves its tenant behind.',
    whole => {
      let left: Tenant | undefined
      return {
        run(tenant, fn) {
          if (whole.maybeCurrent() === undefined) left = undefined
          try {
            return whole.run(tenant, fn)
          } catch (error) {
            if (!isTenancyError(error)) left = tenant
            throw error
          }
        },
        handle: isolation => isolation.handle(() => left ?? whole.current()),
      }
    },
  ),
]
