import { isTenancyError, type Logger, type Tenant } from '@tenantry/core'
import type { MongoForTests } from '@tenantry/servers/vitest'
import { type CommandStartedEvent, MongoClient } from 'mongodb'

function nothing(): void {
  // Tests look at what happened, not at what was logged.
}

/** Says nothing. */
export const silent: Logger = { debug: nothing, info: nothing, warn: nothing, error: nothing }

/** What a logger was told. */
export function memoryLogger(): Logger & { readonly records: { readonly event?: string; readonly message: string }[] } {
  const records: { readonly event?: string; readonly message: string }[] = []
  const record = (details: object, message: string) => void records.push({ ...details, message })
  return { debug: record, info: record, warn: record, error: record, records }
}

/** A tenant that no registry knows. */
export function tenantOf(id: string, placement: Readonly<Record<string, string>> = {}): Tenant {
  const flags = { isDefault: false, isControl: false, version: 1, settings: {} } as const
  return { id, slug: id.toLowerCase(), name: id, status: 'active', placement, ...flags }
}

/** A client, and every command that it has sent. */
export interface WatchedClient {
  readonly client: MongoClient
  readonly sent: CommandStartedEvent[]
}

/** A client whose commands are listened to by the driver's own monitoring. */
export function watchedClient(mongo: Pick<MongoForTests, 'url'>): WatchedClient {
  const client = new MongoClient(mongo.url, { monitorCommands: true })
  const sent: CommandStartedEvent[] = []
  client.on('commandStarted', event => void sent.push(event))
  return { client, sent }
}

/** The code that work ends with, thrown or rejected; else what happened. */
export async function codeOf(work: () => unknown): Promise<string> {
  try {
    await work()
    return 'nothing was refused'
  } catch (error) {
    return isTenancyError(error) ? error.code : String(error)
  }
}
