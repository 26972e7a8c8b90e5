import { AsyncResource } from 'node:async_hooks'
import { isTenancyError } from '@tenantry/core'
import { forgiving, missing } from './broken.ts'
import { brokenTenancy, type Canary, canary } from './canary.ts'

// In no tenant's context, from where any may be entered.
const outside = AsyncResource.bind((fn: () => unknown) => fn())

/** Adapters that go on where they must refuse. */
export const failClosedCanaries: readonly Canary[] = [
  canary('without a tenant nothing is sent', 'Without a tenant, the last one is taken.', () =>
    forgiving(missing('none')),
  ),
  canary(
    'in the system scope nothing is sent',
    'In the system scope, the last tenant is taken.',
    () => forgiving(missing('system')),
    ['what another tenant calls acts for the caller'],
  ),
  brokenTenancy('a suspended tenant is refused on entry', 'The status is not checked on entry.', ({ run }) => ({
    run: (tenant, fn) => run({ ...tenant, status: 'active' }, fn),
  })),
  canary(
    'what the tenant source throws is what the caller gets',
    'When the source fails, the last tenant is taken.',
    () => forgiving(error => !isTenancyError(error)),
  ),
  brokenTenancy(
    'another tenant is not entered inside a unit of work',
    'Any tenant may be entered anywhere.',
    inner => ({
      run: (tenant, fn) =>
        inner.maybeCurrent() === undefined
          ? inner.run(tenant, fn)
          : (outside(() => inner.run(tenant, fn)) as ReturnType<typeof fn>),
    }),
  ),
  canary(
    'a unit of work serves no other tenant',
    'A connection does not ask whose context it is used in.',
    () => ({
      recheck() {
        // Trusts the caller.
      },
    }),
    ['a unit of work refuses another tenant, however it is called'],
  ),
  canary('a unit of work is dead after its end', 'A connection still works after it was given back.', () => ({
    revoke(lease, after) {
      if (after === 'throw') lease.open = false
    },
  })),
]
