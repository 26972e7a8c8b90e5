import type { Law } from '../law.ts'
import { afterTheEnd } from './after-the-end.ts'
import { concurrency } from './concurrency.ts'
import { confinement } from './confinement.ts'
import { context } from './context.ts'
import { failClosed } from './fail-closed.ts'
import { identifiers } from './identifiers.ts'
import { inventory } from './inventory.ts'
import { lifecycle } from './lifecycle.ts'
import { residue } from './residue.ts'
import { statements } from './statements.ts'
import { store } from './store.ts'
import { suspension } from './suspension.ts'

/** The laws of isolation. */
export const laws: readonly Law[] = [
  ...[...confinement, ...statements, ...identifiers],
  ...[...failClosed, ...context, ...afterTheEnd],
  ...[...store, ...residue, ...concurrency, ...lifecycle],
  ...[...suspension, ...inventory],
]
