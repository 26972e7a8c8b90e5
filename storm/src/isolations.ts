import type { IsolationKind } from './isolation-kind.ts'
import { database } from './isolations/database/database.ts'
import { rls } from './isolations/rls/rls.ts'
import type { SealChoice } from './isolations/rls/seal-choice.ts'
import { schema } from './isolations/schema/schema.ts'

/** As on the command line. */
export const isolationNames = ['rls', 'schema', 'database'] as const
export type IsolationName = (typeof isolationNames)[number]

/** Every kind of these isolations; one with a seal once for each. */
export function kindsOf(isolations: readonly IsolationName[], seals: readonly SealChoice[]): readonly IsolationKind[] {
  const kinds: Readonly<Record<IsolationName, readonly IsolationKind[]>> = {
    rls: seals.map(rls),
    schema: [schema],
    database: [database],
  }
  return isolations.flatMap(name => kinds[name])
}
