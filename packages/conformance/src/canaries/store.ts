import { safeParts } from '../memory/memory-parts.ts'
import { safePolicy } from '../memory/policy.ts'

import { ending } from './broken.ts'
import { type Canary, canary } from './canary.ts'

/** Adapters whose server holds nothing. */
export const storeCanaries: readonly Canary[] = [
  canary('a connection without a tenant sees nothing', 'Without a tenant, the policy lets everything through.', () => ({
    using: (row, tenant, verb, rows) => tenant === undefined || safePolicy.using(row, tenant, verb, rows),
  })),
  canary('a unit of work that throws leaves nothing', 'A unit of work that throws is committed.', () =>
    ending('throw', safeParts.endings.success),
  ),
]
