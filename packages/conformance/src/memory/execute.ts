import type { Row } from '../subject.ts'
import type { Policy } from './policy.ts'
import { type Result, type Statement, storeError, type Verb } from './statement.ts'

/** A statement that touches rows. */
export type RowStatement = Extract<Statement, { readonly do: Verb }>

/** What a statement gives, and the rows as they are after it. */
export function execute(
  statement: RowStatement,
  rows: readonly Row[],
  tenant: string | undefined,
  policy: Policy,
): { result: Result; rows: readonly Row[] } {
  const found = rows.filter(
    row => policy.using(row, tenant, statement.do, rows) && (!('id' in statement) || row.id === statement.id),
  )

  function checked(row: Row): Row {
    if (policy.check(row, tenant, statement.do, rows)) return row
    throw storeError('42501', 'new row violates the row policy of notes')
  }

  function written(changed: readonly Row[], after: readonly Row[]): { result: Result; rows: readonly Row[] } {
    if (new Set(after.map(policy.key)).size < after.length) throw storeError('23505', 'duplicate key in notes')
    return { result: { rows: [], count: changed.length }, rows: after }
  }

  switch (statement.do) {
    case 'get':
    case 'list':
      return { result: { rows: found, count: found.length }, rows }
    case 'count':
      return { result: { rows: [], count: found.length }, rows }
    case 'insert': {
      const row = checked({ tenant: statement.tenant ?? tenant ?? '', id: statement.id, text: statement.text })
      return written([row], [...rows, row])
    }
    case 'update': {
      const { text, tenant: owner } = statement
      const after = rows.map(row =>
        found.includes(row) ? checked({ ...row, text: text ?? row.text, tenant: owner ?? row.tenant }) : row,
      )
      return written(found, after)
    }
    case 'delete':
      return written(
        found,
        rows.filter(row => !found.includes(row)),
      )
  }
}
