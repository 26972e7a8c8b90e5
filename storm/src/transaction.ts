import type { TenantClient } from '@tenantry/pg'
import { errorCode } from './error-code.ts'
import { expectThat, type Turn } from './turn.ts'

/** How a transaction begins; each of them in many applications. */
const beginnings = ['begin', 'begin', 'start transaction', 'begin isolation level repeatable read', 'BEGIN READ WRITE']

/** Leases a connection, and gives it back. */
export async function leasing(turn: Turn, work: (client: TenantClient) => Promise<unknown>): Promise<void> {
  const client = await turn.db.connect()
  try {
    await work(client)
  } finally {
    client.release()
  }
}

/** A transaction as applications write them: rolled back when the work throws. */
export async function transaction(
  turn: Turn,
  work: (client: TenantClient) => Promise<unknown>,
  sent: () => void = () => undefined,
): Promise<void> {
  await leasing(turn, async client => {
    try {
      await client.query(turn.random.pick(beginnings))
      await work(client)
      sent()
      const { command } = await client.query('commit')
      expectThat(command === 'COMMIT', `COMMIT was answered with ${command}`)
    } catch (error) {
      await rollBack(client)
      throw error
    }
  })
}

/** Where the connection is lost there is nothing to roll back, and the first error says so already. */
async function rollBack(client: TenantClient): Promise<void> {
  try {
    await client.query('rollback')
  } catch (error) {
    if (!/^(?:CONNECTION_LOST|57014)$/.test(errorCode(error))) throw error
  }
}
