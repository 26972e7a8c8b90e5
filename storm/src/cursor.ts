import { createRequire } from 'node:module'
import type { TenantClient } from '@tenantry/pg'
import type pg from 'pg'
import type { TaggedRow } from './turn.ts'

/** A cursor of pg-cursor, which comes without types. */
interface Cursor extends pg.Submittable {
  read(rows: number): Promise<TaggedRow[]>
  close(): Promise<void>
}

const Cursor: new (text: string, values?: unknown[]) => Cursor = createRequire(import.meta.url)('pg-cursor')

/** Reads everything by a cursor, in a transaction that is open. It speaks the protocol itself, and its errors come from pg as they are. */
export async function readByCursor(
  client: TenantClient,
  text: string,
  check: (rows: readonly TaggedRow[]) => unknown,
): Promise<void> {
  const cursor = client.query(new Cursor(text))
  async function readAll(): Promise<void> {
    try {
      for (let rows = await cursor.read(3); rows.length > 0; rows = await cursor.read(3)) check(rows)
    } finally {
      // Or ROLLBACK would wait behind it for ever.
      await cursor.close()
    }
  }
  await Promise.race([readAll(), endOf(client)])
}

/** pg-cursor 2.22 waits for ever when it is closed, or has read its last row, and the connection ends before the server answers. */
function endOf(client: TenantClient): Promise<never> {
  return new Promise((_, reject) => {
    client.once('end', () => reject(Object.assign(new Error('The connection ended.'), { code: 'CONNECTION_LOST' })))
  })
}
