import type { Law } from '../law.ts'
import { concurrency } from './concurrency.ts'
import { confinement } from './confinement.ts'
import { failClosed } from './fail-closed.ts'
import { lifecycle } from './lifecycle.ts'
import { residue } from './residue.ts'
import { store } from './store.ts'

/** The laws of isolation. */
export const laws: readonly Law[] = [...confinement, ...failClosed, ...store, ...residue, ...concurrency, ...lifecycle]
