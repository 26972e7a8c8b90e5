import type { Mutant } from './mutant.ts'
import { aroundMutants } from './mutants/around.ts'
import { databaseMutants } from './mutants/database.ts'
import { wireMutants } from './mutants/wire.ts'

/** Each of them must be caught within 10,000 operations. */
export const mutants: readonly Mutant[] = [...wireMutants, ...aroundMutants, ...databaseMutants]
