import { failureOf, type Note } from '@tenantry/conformance'
import type { TenantClient, TenantPool } from '@tenantry/pg'
import { notesOf } from './notes.ts'

/** A transaction as applications write them. */
export async function unit<T>(handle: TenantPool, work: (client: TenantClient) => Promise<T>): Promise<T> {
  const client = await handle.connect()
  try {
    await client.query('begin')
    const result = await work(client)
    await client.query('commit')
    return result
  } finally {
    client.release()
  }
}

/** What a transaction ends with that puts a note, and then meets a fault. */
export const faulty = (handle: TenantPool, note: Note, fault: (client: TenantClient) => Promise<unknown>) =>
  failureOf(
    unit(handle, async client => {
      await notesOf(client.query).put(note)
      await fault(client)
    }),
  )
