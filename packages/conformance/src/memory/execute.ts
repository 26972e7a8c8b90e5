import type { Note, Row } from '../subject.ts'
import type { Policy } from './policy.ts'
import { type Result, type RowStatement, storeError } from './statement.ts'

interface Executed {
  readonly result: Result
  readonly rows: readonly Row[]
}

/** What a statement gives, and the rows as they are after it. */
export function execute(
  statement: RowStatement,
  rows: readonly Row[],
  tenant: string | undefined,
  policy: Policy,
): Executed {
  const found = rows.filter(
    row => policy.using(row, tenant, statement.do, rows) && (!('id' in statement) || row.id === statement.id),
  )

  function checked(row: Row): Row {
    if (policy.check(row, tenant, statement.do, rows)) return row
    throw storeError('42501', 'new row violates the row policy of notes')
  }

  function read(result: readonly Row[]): Executed {
    return { result: { rows: result, count: found.length }, rows }
  }

  function written(changed: readonly Row[], after: readonly Row[], given: readonly Row[] = []): Executed {
    if (new Set(after.map(policy.key)).size < after.length) throw storeError('23505', 'duplicate key in notes')
    return { result: { rows: given, count: changed.length }, rows: after }
  }

  function insert(notes: readonly (Note & { readonly tenant?: string })[]): Executed {
    const made = notes.map(({ id, text, tenant: owner }) => checked({ tenant: owner ?? tenant ?? '', id, text }))
    return written(made, [...rows, ...made])
  }

  function update(change: Partial<Row>, gives = false): Executed {
    const changed = new Map(found.map(row => [row, checked({ ...row, ...change })]))
    const after = rows.map(row => changed.get(row) ?? row)
    return written(found, after, gives ? [...changed.values()] : [])
  }

  function remove(given: readonly Row[] = []): Executed {
    return written(
      found,
      rows.filter(row => !found.includes(row)),
      given,
    )
  }

  switch (statement.do) {
    case 'get':
    case 'list':
    case 'group':
    case 'prepared':
    case 'copy':
      return read(found)
    case 'fetch':
      return read(found.slice(statement.at, statement.at + 1))
    case 'join':
      return read(found.flatMap(one => found.filter(({ text }) => text === one.text).flatMap(other => [one, other])))
    case 'count':
      return read([])
    case 'insert':
      return insert([statement])
    case 'bulk':
      return insert(statement.notes)
    case 'upsert':
      return found.length > 0 ? update({ text: statement.text }) : insert([statement])
    case 'returning':
      return update({ text: statement.text }, true)
    case 'update': {
      const { text, tenant: owner } = statement
      return update({ ...(text === undefined ? {} : { text }), ...(owner === undefined ? {} : { tenant: owner }) })
    }
    case 'delete':
      return remove()
    case 'sweep':
      return remove(found)
  }
}
