import { afterTheEndCanaries } from './canaries/after-the-end.ts'
import type { Canary } from './canaries/canary.ts'
import { concurrencyCanaries } from './canaries/concurrency.ts'
import { confinementCanaries } from './canaries/confinement.ts'
import { contextCanaries } from './canaries/context.ts'
import { failClosedCanaries } from './canaries/fail-closed.ts'
import { identifierCanaries } from './canaries/identifiers.ts'
import { lifecycleCanaries } from './canaries/lifecycle.ts'
import { residueCanaries } from './canaries/residue.ts'
import { storeCanaries } from './canaries/store.ts'
import { suspensionCanaries } from './canaries/suspension.ts'

/** For every law, an adapter that breaks it; the tests of this package hold that each is caught. */
export const canaries: readonly Canary[] = [
  ...confinementCanaries,
  ...identifierCanaries,
  ...failClosedCanaries,
  ...contextCanaries,
  ...afterTheEndCanaries,
  ...storeCanaries,
  ...residueCanaries,
  ...concurrencyCanaries,
  ...lifecycleCanaries,
  ...suspensionCanaries,
]
