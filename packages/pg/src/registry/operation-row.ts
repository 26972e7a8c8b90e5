import type { JournalStep, Json, Operation } from '@tenantry/core'
import { sql } from 'kysely'
import type { Query } from '../query.ts'
import { type Registry, rowsOf } from './tables.ts'

/** Operations with their steps; whoever calls it says which. What was not said of an operation is absent, and not `null`. */
export function selectOperations(db: Registry) {
  return db
    .selectFrom('registry_operations as o')
    .select(['o.id', 'o.tenant', 'o.kind', 'o.state', 'o.actor', 'o.reason', 'o.key', 'o.digest', 'o.parameters'])
    .select(
      sql<{
        outcome: Json
      } | null>`case when o.outcome is not null then jsonb_build_object('outcome', o.outcome) end`.as('ended'),
    )
    .select(eb =>
      eb
        .selectFrom('registry_steps as s')
        .select(
          sql<
            JournalStep[]
          >`coalesce(jsonb_agg(jsonb_build_object('name', s.name, 'state', s.state) || case when s.result is null then '{}' else jsonb_build_object('result', s.result) end order by s.position), '[]')`.as(
            'all',
          ),
        )
        .whereRef('s.operation', '=', 'o.id')
        .as('steps'),
    )
}

type OperationRow = Awaited<ReturnType<ReturnType<typeof selectOperations>['executeTakeFirstOrThrow']>>

export function operationOf({ reason, key, ended, steps, ...row }: OperationRow): Operation {
  return { ...row, ...(reason !== null && { reason }), ...(key !== null && { key }), steps: steps ?? [], ...ended }
}

export async function readOperation(query: Query, db: Registry, id: string): Promise<Operation | undefined> {
  const [row] = await rowsOf(query, selectOperations(db).where('o.id', '=', id))
  return row && operationOf(row)
}
