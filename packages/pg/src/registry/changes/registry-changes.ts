import { setTimeout as sleep } from 'node:timers/promises'
import {
  type ChangeBus,
  type ChangeListener,
  checkWholeNumbers,
  consoleLogger,
  isTenancyError,
  type Logger,
  TenancyError,
} from '@tenantry/core'
import type pg from 'pg'
import { errorText } from '../../database-error.ts'
import { quoteIdentifier } from '../../identifier.ts'
import { type ListeningClient, openListeningClient } from './listening-client.ts'
import { readNotice } from './read-notice.ts'

/** Options of {@link registryChanges}. */
export interface RegistryChangesOptions {
  /**
   * Makes a client that is not connected, of the registry's runtime role, to the server itself: behind PgBouncer nothing can be listened
   * to. One is open for each subscription.
   */
  readonly connect: () => pg.Client
  /** As given to `migrateRegistry`. Default `tenantry`. */
  readonly schema?: string
  /** Milliseconds after which a connection that does not answer is given up. Default 10,000. */
  readonly heartbeat?: number
  /** Milliseconds between two attempts to connect anew, at most; the first is made after a hundredth of it. Default 5,000. */
  readonly longestWait?: number
  readonly logger?: Logger
}

/** Changes of the registry, told by the database itself in the transaction of each: also those that were written by hand. */
export interface RegistryChanges extends ChangeBus {
  /** Ends all subscriptions. */
  close(): Promise<void>
}

/**
 * A bus that needs nothing but the registry's own database, over `LISTEN` and `NOTIFY`. The channel has a name that only the registry's
 * roles can read, so that no other role of the database hears or says anything there.
 *
 * @throws {TenancyError} `ARGUMENT_INVALID`, `IDENTIFIER_INVALID`. `subscribe` throws `DATABASE_UNAVAILABLE`, `CONNECTION_LOST`,
 * `CONFIG_INVALID` behind a pooler, `SCOPE_CLOSED`; once it has resolved it goes on until it is ended.
 * @example
 * const changes = registryChanges({ connect: () => new pg.Client(process.env.REGISTRY_URL) })
 */
export function registryChanges(options: RegistryChangesOptions): RegistryChanges {
  const { connect, schema = 'tenantry', heartbeat = 10_000, longestWait = 5_000, logger = consoleLogger } = options
  checkWholeNumbers({ heartbeat, longestWait })
  quoteIdentifier(schema)
  const event = 'pg-registry.changes'
  const endings = new Set<() => Promise<void>>()
  let isClosed = false

  /** A listener that breaks must not end the subscription of which it knows nothing. */
  function tell(work: () => void): void {
    try {
      work()
    } catch (error) {
      logger.error({ event, error: errorText(error) }, 'A listener to changes of the registry has failed.')
    }
  }

  function hear(listener: ChangeListener, payload: string): void {
    const change = readNotice(payload)
    if (change === undefined) logger.warn({ event }, 'What was told of a change of the registry is not understood.')
    tell(() => (change === undefined ? listener.missed() : listener.changed(change)))
  }

  async function subscribe(listener: ChangeListener): Promise<() => Promise<void>> {
    if (isClosed) throw new TenancyError('SCOPE_CLOSED', { what: 'The bus of changes' })
    const ended = new AbortController()
    const open = () => openListeningClient(connect(), schema, heartbeat, payload => hear(listener, payload))
    let client: ListeningClient = await open()

    /** After a hundredth, twice as much each time, and by chance, so that not all processes come back at once. */
    async function openAnew(): Promise<void> {
      for (let wait = longestWait / 100; !ended.signal.aborted; wait = Math.min(wait * 2, longestWait)) {
        await sleep(wait * (0.5 + Math.random() / 2), undefined, { signal: ended.signal }).catch(() => undefined)
        if (ended.signal.aborted) return
        try {
          client = await open()
          if (ended.signal.aborted) await client.end()
          else tell(() => listener.missed())
          return
        } catch (error) {
          const reason = isTenancyError(error) ? error.code : errorText(error)
          logger.warn({ event, reason }, 'Changes of the registry cannot be heard yet.')
        }
      }
    }

    async function follow(): Promise<void> {
      for (;;) {
        await client.gone
        if (ended.signal.aborted) return
        logger.warn({ event }, 'The connection that hears of changes of the registry was lost.')
        await openAnew()
      }
    }

    const followed = follow()
    async function end(): Promise<void> {
      endings.delete(end)
      ended.abort()
      await client.end()
      await followed
    }
    endings.add(end)
    // Closed while it was on its way.
    if (isClosed) {
      await end()
      throw new TenancyError('SCOPE_CLOSED', { what: 'The bus of changes' })
    }
    return end
  }

  return {
    name: 'postgres',
    subscribe,
    async close() {
      isClosed = true
      await Promise.all([...endings].map(end => end()))
    },
  }
}
