import { TenancyError } from '@tenantry/core'
import type pg from 'pg'
import { connectError, statementError } from '../../database-error.ts'
import { quoteIdentifier } from '../../identifier.ts'
import { cancelKeyOf, destroySocket } from '../../wire/pg-internals.ts'

/** A connection that hears what is told on the registry's channel. */
export interface ListeningClient {
  /** Resolves when it hears nothing any more. */
  readonly gone: Promise<void>
  end(): Promise<void>
}

/** Milliseconds that a connection which does not answer may take to end. */
const patience = 1_000

/**
 * @param heartbeat - milliseconds; a connection that has not answered for so long is given up.
 * @throws {TenancyError} `DATABASE_UNAVAILABLE`, `CONNECTION_LOST`; `CONFIG_INVALID` behind a pooler, which gives the session to others.
 */
export async function openListeningClient(
  client: pg.Client,
  schema: string,
  heartbeat: number,
  hear: (payload: string) => void,
): Promise<ListeningClient> {
  const gone = new Promise<void>(resolve => client.once('end', () => resolve()))
  // Whoever waits for `gone` is told.
  client.on('error', () => undefined)
  try {
    await client.connect()
  } catch (error) {
    throw connectError(error)
  }
  let beating: NodeJS.Timeout | undefined

  async function end(): Promise<void> {
    clearInterval(beating)
    const timer = setTimeout(() => destroySocket(client), patience)
    try {
      // One whose socket has broken already has nothing to end.
      await Promise.race([client.end(), gone])
    } finally {
      clearTimeout(timer)
    }
  }

  try {
    client.on('notification', ({ payload }) => hear(payload ?? ''))
    const { rows } = await client.query<{ channel: string; pid: number }>(
      `select channel, pg_catalog.pg_backend_pid() as pid from ${quoteIdentifier(schema)}.registry_meta`,
    )
    const { channel = '', pid } = rows[0] ?? {}
    // A pooler answers with a process of its own making, and what one session listens to another may be told.
    if (pid !== cancelKeyOf(client).processID) {
      const problems = ['it goes through a pooler, where LISTEN is not kept: connect to the server itself']
      throw new TenancyError('CONFIG_INVALID', { source: 'The connection for changes of the registry', problems })
    }
    await client.query(`listen ${quoteIdentifier(channel)}`)
  } catch (error) {
    await end()
    throw statementError(error)
  }

  let isAnswered = true
  beating = setInterval(() => {
    // A network that swallows everything says nothing of it.
    if (!isAnswered) return destroySocket(client)
    isAnswered = false
    client.query('select 1').then(
      () => {
        isAnswered = true
      },
      // The connection is gone, which is told above.
      () => undefined,
    )
  }, heartbeat)
  void gone.then(() => clearInterval(beating))
  return { gone, end }
}
