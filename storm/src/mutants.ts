import type { Mutant } from './mutant.ts'
import { aroundMutants } from './mutants/around.ts'
import { databaseConnectionMutants } from './mutants/database-connections.ts'
import { databaseLoginMutants } from './mutants/database-logins.ts'
import { rlsDatabaseMutants } from './mutants/rls-database.ts'
import { rlsWireMutants } from './mutants/rls-wire.ts'
import { schemaStoreMutants } from './mutants/schema-stores.ts'
import { schemaWireMutants } from './mutants/schema-wire.ts'

/** Each of them must be caught within 10,000 operations. */
export const mutants: readonly Mutant[] = [
  ...rlsWireMutants,
  ...aroundMutants,
  ...rlsDatabaseMutants,
  ...schemaWireMutants,
  ...schemaStoreMutants,
  ...databaseConnectionMutants,
  ...databaseLoginMutants,
]
